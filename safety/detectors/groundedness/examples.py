"""What the groundedness checks must find, must let pass, and are known to get wrong: data, held by a test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """An answer before one source. ``reason`` is the evidence code of the finding; empty: none is due."""

    source: str
    answer: str
    reason: str = ""
    question: str = ""


_TOWER = (
    "The Eiffel Tower is 330 metres tall and stands on the Champ de Mars in Paris. It was completed "
    "on 31 March 1889. About 6.2 million people paid for a ticket in 2023. Gustave Eiffel's company built it."
)
_POLICY = (
    "Returns are accepted within 30 days of delivery. Refunds are not available for sale items. "
    "Shipping costs $4.99 within Germany. Our warehouse in Leipzig weighs every parcel; the limit is "
    "31.5 kg. Orders above 50 euros are sent free of charge."
)
_TRIAL = (
    "In this trial 120 patients received the drug and 118 received a placebo. Blood pressure decreased in "
    "the treated group after 12 weeks. The drug was well tolerated, and no serious adverse events occurred."
)
_TABLE = "name: Blue Spice\nfood: Italian\npriceRange: cheap\nfamilyFriendly: no\narea: riverside"
_GERMAN = (
    "Das Museum wurde am 12. März 1998 eröffnet. Der Eintritt kostet 8,50 Euro. Montags ist geschlossen."
)
_SPANISH = (
    "El puente fue inaugurado el 4 de mayo de 1995 y mide 1.200 metros. No está abierto a los camiones."
)
_FRENCH = "Le musée est ouvert tous les jours sauf le lundi. L'entrée coûte 12 euros depuis janvier 2020."
_CHINESE = "这座桥于2008年5月1日通车，全长36公里。它由中国铁路集团建造。"
_JAPANESE = "この橋は1998年4月5日に開通した。全長は3911メートルである。"

POSITIVES: tuple[Example, ...] = (
    Example(_TOWER, "The Eiffel Tower is 350 metres tall.", "number_differs"),
    Example(_TOWER, "The tower has a height of 300 m.", "number_differs"),
    Example(_TOWER, "It was completed on 31 March 1899.", "date_differs"),
    Example(_TOWER, "The Eiffel Tower stands on the Champ de Mars in Lyon.", "name_differs"),
    Example(_TOWER, "Napoleon Bonaparte ordered the construction of the tower.", "name_not_in_sources"),
    Example(_TOWER, "About 7.9 million people paid for a ticket in 2023.", "number_differs"),
    Example(_TOWER, "Penguins cannot fly but swim very well.", "no_evidence"),
    Example(_POLICY, "Returns are accepted within 60 days of delivery.", "number_differs"),
    Example(_POLICY, "You can return your order within 14 days.", "number_differs"),
    Example(_POLICY, "Refunds are available for sale items.", "negation"),
    Example(_POLICY, "Orders below 50 euros are sent free of charge.", "opposite_in_place"),
    Example(_POLICY, "Shipping costs $4.99 within France.", "name_differs"),
    Example(_POLICY, "The weight limit is 40 kg.", "number_differs"),
    Example(_TRIAL, "Blood pressure increased in the treated group after 12 weeks.", "opposite_in_place"),
    Example(_TRIAL, "Blood pressure decreased in the treated group after 16 weeks.", "number_differs"),
    Example(
        _TRIAL,
        "The drug was well tolerated, which led regulators to approve it quickly.",
        "not_in_sources",
    ),
    Example(_GERMAN, "Das Museum wurde am 12. März 1989 eröffnet.", "date_differs"),
    Example(_GERMAN, "Der Eintritt kostet 9,50 Euro.", "number_differs"),
    Example(_SPANISH, "El puente fue inaugurado el 4 de mayo de 1985.", "date_differs"),
    Example(_SPANISH, "El puente está abierto a los camiones.", "negation"),
    Example(_FRENCH, "L'entrée coûte 15 euros depuis janvier 2020.", "number_differs"),
    Example(_CHINESE, "这座桥全长55公里。", "number_differs"),
    Example(_JAPANESE, "この橋は1988年4月5日に開通した。", "date_differs"),
    Example("I'm 21 and I get paid 10/hour.", "She is paid 12/hour.", "number_differs"),
)

NEGATIVES: tuple[Example, ...] = (
    Example(_TOWER, "The Eiffel Tower is 330 m tall."),
    Example(_TOWER, "The Eiffel Tower is 0.33 km tall and stands in Paris."),
    Example(_TOWER, "It was completed in 1889."),
    Example(_TOWER, "The tower was completed on March 31, 1889 [1]."),
    Example(_TOWER, "According to the document, more than 6 million people paid for a ticket in 2023."),
    Example(_TOWER, "It was built by the company of Gustave Eiffel."),
    Example(_TOWER, "Hello! Sure, I can help with that. Do you have any other questions?"),
    Example(_TOWER, "I'm sorry, but the documents do not say who painted the tower."),
    Example(_TOWER, "The source does not mention the number of steps."),
    Example(_TOWER, "## Height and Age\n\n- The tower is 330 metres tall\n- It was completed in 1889"),
    Example(_TOWER, "No, the tower is 330 metres tall.", question="Is the Eiffel Tower 350 metres tall?"),
    Example(_POLICY, "You can return items within thirty days of delivery."),
    Example(_POLICY, "Sale items are not refunded; shipping within Germany costs $4.99."),
    Example(_POLICY, "The limit is 31,500 g."),
    Example(_POLICY, "Orders over 50 € are sent free of charge."),
    Example(_TRIAL, "After 12 weeks, blood pressure had decreased in the treated group."),
    Example(_TRIAL, "No serious adverse events occurred, and the drug was tolerated well."),
    Example(_TRIAL, "In total, 120 patients received the drug."),
    Example(_TABLE, "Blue Spice is a cheap Italian place at the riverside. It is not family friendly."),
    Example(_GERMAN, "Das Museum wurde am 12.03.1998 eröffnet. Der Eintritt kostet 8,50 €."),
    Example(_SPANISH, "El puente mide 1200 metros y fue inaugurado en mayo de 1995."),
    Example(_FRENCH, "L'entrée coûte 12 euros."),
    Example(_CHINESE, "这座桥全长36公里。"),
    Example(_JAPANESE, "この橋は1998年4月5日に開通した。"),
)

# ``reason`` is what a reader would expect; the checks say otherwise.
KNOWN_MISSES: tuple[Example, ...] = (
    # who did what: all words and names are there
    Example("Anna sold the house to Ben in 2019.", "Ben sold the house to Anna in 2019.", "name_differs"),
    # a sum that is wrong, of numbers that are there
    Example(
        _TRIAL,
        "The drug was given to 120 patients and a placebo to 118, and all of them got better.",
        "added_words",
    ),
    # "He" is another person than before: pronouns are not resolved
    Example(
        "Ada wrote the program. Charles designed the engine.",
        "Charles was there too. He wrote the program.",
        "name_differs",
    ),
)
# Borne out, and still found: the other half of what is known to go wrong.
KNOWN_FALSE_ALARMS: tuple[Example, ...] = (
    # arithmetic
    Example(_TRIAL, "In total, 238 patients took part."),
    # world knowledge
    Example(_TOWER, "The tower stands in the capital of France."),
    # another language than the source's
    Example(
        _TOWER, "Der Eiffelturm steht in der französischen Hauptstadt und wurde von einer Firma errichtet."
    ),
)
