"""Questions, sources and answers from them: made up here, from a seed, every one different from every other.

Twelve sources of together 1,500 words; answers of ten claims, in other words than the sources', some wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

CLAIMS, WRONG = 10, 3  # of an answer
TOLD = 5  # topics of an answer: two claims of each
STAMP = "Last checked by {who} on {day} {year}, page {some}."

# Topics, apart by a blank line. The first line is what the source speaks of and what a user asks. Then facts:
# as the source has it | as an answer has it. Slots are filled anew for every text; {It} is the thing's name,
# or "It" in the second claim about it.
TOPICS = """
Bridge | When was the {e} built and who uses it?
The {e} crosses the river at {town} and was opened to traffic on {day} {year}, after {few} years of building
and two changes of plan. | {It} has carried traffic since {day} {year}, and building it took {few} years. /
Chief engineer {who} replaced the stone arches by a single span of {some} metres, which saved about {many}
tonnes of granite and most of the scaffolding. | It was {who} who chose one span of {some} metres in place of
arches made of stone. / On working days some {many} vehicles pass over it, and the city counts another {some}
cyclists in the hour before the offices open. | Around {many} cars and lorries use the {e} on every working
day of the week. / Lorries above {few} tonnes must take the ring road through {town}, because the northern
pier settled by {some} millimetres in the wet winter. | Vehicles heavier than {few} tonnes have to drive
around by way of {town} and the ring road. / Repainting the railings cost {many} euros in {year}, and the
council of {town} paid two thirds of that sum from its road fund. | In {year} the railings were painted again,
which came to a total of {many} euros.

Museum | What does the {e} show and what does a visit cost?
The {e} in {town} was founded by the collector {who} in {year} and shows {many} clocks, sextants and globes
from four centuries. | {It} goes back to {who}, a collector, and it has {many} objects on show. / Admission is
{few} euros for adults, while children, teachers and members of the society of friends enter free of charge on
every day but Sunday. | Grown-ups pay {few} euros to get in, and children need not pay on most days. / In
{year} thieves took {few} watches from the east wing; the police of {town} found all but one of them in a
cellar. | After the theft of {year}, nearly all of the {few} stolen watches were found in a cellar. / Guided
tours last {some} minutes, take place in five languages, and can be booked at the desk until an hour before
they begin. | A tour with a guide takes {some} minutes and is offered in several languages. / The director,
{who}, announced on {day} that a new hall of {some} square metres will house the maritime collection from next
spring. | According to {who}, the ships and charts will move to a hall of {some} square metres.

Company | How is the {e} doing?
The {e} was started in {year} by {who} in a garage in {town}, with one lathe and a loan of {many} francs. |
{It} began in {year} in a garage in {town}, helped by a loan of {many} francs. / It now employs {many} people
at {few} sites, of whom roughly a third work in research and the others in production and sales. | Some {many}
people work there today, spread over {few} different places. / Revenue rose by {few} percent to {some} million
euros last year, although two large orders from the shipyards were delayed until autumn. | Last year's
turnover grew to {some} million euros, an increase of {few} percent over the year before. / The board
appointed {who} as chief executive with effect from {day}, following the retirement of the founder's daughter
after a long illness. | Since {day} the chief executive has been {who}, chosen by the members of the board. /
A factory near {town} was closed in {year}; {some} employees were offered places elsewhere, and most of them
accepted within a month. | When the plant at {town} shut down in {year}, its {some} workers were offered other
jobs.

Trial | What did the {e} find?
The {e} enrolled {some} adults with moderate asthma in {few} hospitals and compared the new inhaler with
standard treatment over one year. | {It} compared a new inhaler with the usual care in {some} adults with
asthma. / Attacks fell by {few} percent in the group with the inhaler, whereas no change was seen among those
who kept their old treatment. | Patients who used the inhaler had {few} percent fewer attacks than they had
before. / Mild headaches were reported by {few} participants, and {some} needed an additional visit, but
nobody had to stop the treatment for that reason. | Headaches occurred in {few} of those taking part, and not
one of them gave up. / The study was led by Professor {who} of the university hospital in {town} and was
published on {day} {year}. | Professor {who} in {town} directed the research, whose results came out in
{year}. / Funding of {many} euros came from a public foundation, and the manufacturer supplied the devices but
had no access to the data. | A foundation gave {many} euros, while the maker of the device could not see the
data.

Library | What are the rules of the {e}?
The {e} lends books for {few} weeks, films for one week, and musical instruments for up to {some} days if
nobody else has reserved them. | {It} lets readers keep a book for {few} weeks and an instrument for {some}
days. / A late return costs {few} cents a day, but the fee is never more than the price of a new copy of the
title. | Whoever brings something back late pays {few} cents for each day, within limits. / Its reading room,
designed by {who} in {year}, has {some} desks with lamps and a skylight that was restored after the storm. |
The room for readers has {some} desks and was the work of {who} in {year}. / Every evening between six and
nine, students from {town} help school children with homework, and {many} visits were counted last year. |
Pupils get help with homework in the evenings, and {many} visits took place last year. / Membership numbers
have grown since {year}, when the town council of {town} abolished the annual charge of {few} euros for
residents. | The yearly charge of {few} euros for people of the town was dropped in {year}.

Policy | What does the {e} cover?
The {e} covers theft of the bicycle up to {many} euros, provided that it was locked to a fixed object outside
the house. | {It} pays up to {many} euros for a stolen bicycle that was locked to something fixed. / Claims
must be reported within {few} days by letter or on the website, together with the receipt and the reference
number of the police. | Customers have {few} days to report a loss, and they must send in the receipt. /
Batteries older than {few} years are excluded, as are damages caused by races, by floods, and by repairs that
were not done by a workshop. | Damage from racing is not insured, nor are batteries of more than {few} years.
/ The monthly premium of {some} cents per hundred euros is adjusted each {day}, and the insurer in {town}
gives notice of that by post. | The premium changes every {day}, of which the insurer in {town} informs
customers by letter. / Disputes go first to the ombudswoman, {who}, who decided {some} cases in {year} and
found for the customer in nearly half of them. | The ombudswoman {who} ruled on {some} disputes in {year},
almost half for the customers.

Hotel | Is the {e} a good place to stay?
The {e} stands {some} metres from the station of {town} and has {few} rooms under the roof that look over the
old harbour. | {It} is a walk of {some} metres from the station, and {few} rooms face the harbour. / Breakfast
is served from half past six until eleven and costs {few} euros for guests who did not book it with their
room. | Guests who have not booked breakfast can have it for {few} euros in the morning. / In {year} the
owner, {who}, had all bathrooms rebuilt and a lift put in that carries {few} persons or one wheelchair. | A
lift for {few} persons was added in {year}, when {who} renewed the bathrooms as well. / Dogs are welcome for
{few} euros a night, though not in the restaurant, where tables for groups above {some} must be reserved by
noon. | Taking a dog along costs {few} euros for each night, and the restaurant is closed to dogs. / The house
was voted best small hotel of the region on {day} {year} by {many} readers of a travel magazine from {town}. |
Readers of a magazine, {many} of them, chose it as the best small hotel in {year}.

Wind farm | How much power does the {e} make?
The {e} consists of {few} turbines on the ridge above {town} and supplies about {many} households with
electricity in an average year. | {It} has {few} turbines on a ridge and provides enough power for {many}
homes. / Each rotor measures {some} metres across and turns once the wind reaches {few} kilometres an hour,
which happens on most days. | The rotors, {some} metres wide, start at a wind of {few} kilometres an hour. /
Neighbours led by {who} went to court in {year} because of the noise, and lost after measurements lasting
{few} weeks. | A case about noise that {who} and others brought in {year} was not successful. / The operator
pays {many} euros a year to the parish of {town}, which has used the money for a kindergarten and a fire
engine. | From the operator the parish receives {many} euros yearly, spent on a kindergarten among other
things. / A battery of {some} megawatt hours was connected on {day} {year}, so that output can be held back
for the evening. | Since {day} {year} a battery of {some} megawatt hours has stored power for the evening.

Festival | What should I know of the {e}?
The {e} takes place every summer in {town} and drew {many} listeners to its {few} stages when it was last held
in full. | {It} had {many} listeners on {few} stages the last time all of it was held. / Opening night on
{day} belongs to the orchestra of {who}, who has conducted there {few} times since the first season in {year}.
| The orchestra under {who} plays on the first night, as it has done {few} times. / Tickets for one day cost
{some} euros, a pass for all days {few} times as much, and camping is included with every pass. | One day
costs {some} euros, and those who buy a pass can camp without paying more. / Because of the drought of {year}
open fires are forbidden, and {few} wardens patrol the meadows by night with water and radios. | Nobody may
light a fire on the meadows, where {few} wardens keep watch at night. / The last train back to {town} leaves
at midnight with {some} seats; later guests may use the buses that the organisers pay for. | After the
midnight train with its {some} seats there are buses, paid for by the organisers.

Software | What is new in the {e}?
The {e} stores measurements from up to {many} sensors and answers most questions about them within {few}
milliseconds on an ordinary server. | {It} handles as many as {many} sensors and usually answers in {few}
milliseconds. / Release {few} came out on {day} {year} and brought compression, which cuts the space on disk
to roughly a third of what it was. | Compression arrived with release {few} on {day} {year} and saves about
two thirds of the disk. / The project was begun by {who} at a weather station near {town} and has had {some}
contributors from many countries. | A weather station near {town} is where {who} first worked on the project.
/ Backups are written every {few} minutes by default and are kept for {some} days, unless an administrator
sets another period for a table. | By default there is a backup every {few} minutes, which remains available
for {some} days. / Support ends {few} years after a release, and customers with a contract from {year} or
earlier may ask for security fixes beyond that date. | Releases are supported for {few} years, with longer
security fixes under contracts up to {year}.

Railway | How does one travel on the {e}?
The {e} runs from {town} to the coast in {some} minutes, stops at {few} stations, and was electrified in
{year} at last. | {It} takes {some} minutes to the coast and has been electric since {year}. / Trains leave
every {few} minutes until eight in the evening and hourly after that, except on {day}, when the museum train
runs. | Until eight in the evening a train goes every {few} minutes, and later once an hour. / A landslide in
{year} buried {some} metres of track above the lake; under {who} crews cleared it in {few} days and nights. |
The crews of {who} needed {few} days to clear the track that was buried in {year}. / Around {many} passengers
use the line in a month, more than half of them commuters who change in {town} for the capital. | Of {many}
passengers a month the majority are commuters who change trains in {town}. / Bicycles travel for {few} euros
outside the rush hour, folded ones free at any time, and each carriage has {few} hooks for them. | A bicycle
costs {few} euros when it is not rush hour, a folded one nothing at all.

Club | What has the {e} achieved?
The {e} was founded in {town} on {day} {year} by dockers and teachers, and won its first championship {few}
seasons later. | {It} became champion for the first time {few} seasons after its foundation in {year}. / Its
ground holds {many} spectators, of whom {some} sit under the old wooden roof that the fans saved from
demolition. | There is room for {many} people in the stadium, {some} of them under a wooden roof. / Striker
{who} scored {few} goals in {some} matches before a knee injury ended that career during a friendly in {town}.
| With {few} goals in {some} matches {who} did well until a knee was injured. / Members pay {some} euros a
year and elect the board, which may not borrow more than {many} euros without their consent. | The board needs
the consent of members, who pay {some} euros yearly, for loans above {many} euros. / Since {year} the women's
team has trained with coach {who}, reached {few} finals, and drawn larger crowds than the men in spring. |
Coached by {who} since {year}, the women's team has been in {few} finals.
"""
NAMES = """Alder Birch Corvin Delmar Esker Falken Grimaud Holm Idris Juniper Kestrel Lorne Marten Norden
Osprey Penrose Quill Rowan Solway Tarn Ulmer Vesper Wexley Yarrow""".split()
FIRST = "Anna Bruno Clara David Elif Frieda Goran Hanna Ivan Julia Karim Lena Marta Nils Olga Pedro".split()
LAST = "Adler Brandt Costa Duval Ekberg Ferrari Gomez Hansen Ivanov Jensen Keller Lindt Moreau".split()
TOWNS = """Avignon Bergen Cork Delft Evora Freiburg Ghent Halifax Innsbruck Jena Kiruna Leeds Malmo Nantes
Odense Porto Quimper Riga Siena Turku Utrecht Vigo Zadar Aarhus""".split()
MONTHS = "January March April May June August October November".split()
SLOTS: dict[str, Callable[[Random], str]] = {
    "who": lambda random: f"{random.choice(FIRST)} {random.choice(LAST)}",
    "town": lambda random: random.choice(TOWNS),
    "day": lambda random: f"{random.randint(2, 28)} {random.choice(MONTHS)}",
    "year": lambda random: str(random.randint(1921, 2024)),
    "few": lambda random: str(random.randint(3, 29)),
    "some": lambda random: str(random.randint(31, 990)),
    "many": lambda random: f"{random.randint(1100, 98000):,}",
}


def _filled(random: Random) -> dict[str, str]:
    return {slot: fill(random) for slot, fill in SLOTS.items()}


class Topic:
    """One source: a thing with a name, and what is told of it."""

    def __init__(self, written: str, random: Random) -> None:
        head, _, told = written.partition("\n")
        kind, _, self.question = head.partition(" | ")
        self.name = f"{random.choice(NAMES)} {kind}"
        self.facts = [tuple(fact.split(" | ")) for fact in " ".join(told.split()).split(" / ")]
        self.slots = [_filled(random) for _ in self.facts]
        self._stamp = STAMP.format(**_filled(random))

    def source(self) -> str:
        filled = zip(self.facts, self.slots, strict=True)
        told = (fact.format(**slots, e=self.name) for (fact, _), slots in filled)
        return " ".join((*told, self._stamp))

    def claim(self, at: int, again: bool, wrong: Random | None) -> str:
        """Fact ``at`` in an answer's words; ``wrong``: with one slot changed."""
        answer, slots = self.facts[at][1], dict(self.slots[at])
        if wrong is not None:
            slot = wrong.choice([slot for slot in SLOTS if f"{{{slot}}}" in answer])
            right = slots[slot]
            while slots[slot] == right:
                slots[slot] = SLOTS[slot](wrong)
        return answer.format(**slots, e=self.name, It="It" if again else f"The {self.name}")


class Case:
    """A question, its sources, and two answers that share no claim."""

    def __init__(self, seed: str) -> None:
        random = Random(seed)
        self.topics = [Topic(written, random) for written in TOPICS.strip().split("\n\n")]
        random.shuffle(self.topics)
        self.question = self.topics[0].question.format(e=self.topics[0].name)
        self.sources = [topic.source() for topic in self.topics]
        told = (self.topics[:TOLD], self.topics[TOLD : 2 * TOLD])
        self.answers = [self._answer(random, topics) for topics in told]

    def _answer(self, random: Random, topics: list[Topic]) -> str:
        chosen = [(topic, at) for topic in topics for at in sorted(random.sample(range(5), 2))]
        wrong = set(random.sample(range(CLAIMS), WRONG))
        claims = [
            topic.claim(at, number % 2 == 1, random if number in wrong else None)
            for number, (topic, at) in enumerate(chosen)
        ]
        return " ".join(claims)

    def whole(self) -> str:
        return "\n".join((self.question, *self.sources, self.answers[0]))
