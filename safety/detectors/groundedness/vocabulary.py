"""The word tables of the groundedness checks: data only, lower case, eight languages where it matters.

Words of several languages share one table; a word that means something else in another of the languages
(German and French ``mai``, Italian ``mai``) is left out of the table where it would do harm.
"""

from __future__ import annotations

from collections.abc import Set


def words(*rows: str) -> frozenset[str]:
    """The words of the rows."""
    return frozenset(word for row in rows for word in row.split())


# Carry no content of their own: not counted in coverage. Pronouns are here, so a claim about "he" is not
# held against a source that says the name.
STOPWORDS = words(
    "a an the this that these those it its it's he him his she her hers they them their",
    "theirs we us our ours",
    "you your yours i me my mine who whom whose which what where when why how and or but nor",
    "so yet if then than",
    "as of in on at by to for from with into onto upon over under about between among through",
    "during within",
    "is are was were be been being am has have had having do does did doing done will would",
    "shall should can could",
    "may might must there here also too very just only own such both each every all any some",
    "other another more",
    "most much many few per via not no n't up down out off again further once because while",
    "until although though",
    "however therefore thus hence moreover furthermore additionally overall according source",
    "sources text document",
    "documents provided given state states stated mention mentioned mentions say says said",
    "report reports reported",
    "note noted known called named including include includes included well one ones",
    "der die das den dem des ein eine einer eines einem einen und oder aber ist sind war",
    "waren wird werden wurde",
    "wurden hat haben hatte im in am an auf aus bei mit nach von vom zu zum zur für über",
    "unter durch um als auch",
    "nicht es er sie wir ihr ihre sein seine sich dass wenn so noch nur wie es gibt laut",
    "le la les l un une des du de d et ou mais est sont était étaient être a ont avait dans",
    "sur par pour avec sans",
    "que qui ce cette ces il elle ils elles se son sa ses leur leurs au aux en ne pas plus selon",
    "el los las lo una unos unas del al y o pero es son era eran fue fueron ser está están ha",
    "han había con por",
    "para sin sobre entre como más su sus se que quien no según también hay",
    "il lo gli i uno della delle dei degli nel nella nei sul sulla e è sono erano ed dal",
    "dalla che chi non anche",
    "con per tra fra come più suo sua suoi loro si secondo",
    "o os as um uma uns umas do da dos das no na nos nas ao à e ou mas é são foi foram ser",
    "está com por para sem",
    "que quem não também seu sua seus suas se mais como segundo",
)

# Turn what they stand before into its opposite.
NEGATIONS = words(
    "not n't no never none neither nor without cannot nobody nothing hardly lack lacks lacked",
    "lacking fails failed",
    "nicht kein keine keinen keiner keinem keines nie niemals ohne niemand nichts",
    "pas jamais sans aucun aucune",
    "nunca jamás sin ningún ninguna ninguno tampoco nadie",
    "non senza nessun nessuno nessuna",
    "não nunca sem nenhum nenhuma ninguém",
)
# After these a negation word is none: "not only", "no doubt".
NOT_NEGATED = words("only just merely doubt wonder matter later less fewer more nur seulement solo soltanto")
NEGATION_SIGNS = ("不", "没", "沒", "未", "无", "無", "非", "ない", "なかった", "ません", "ず")

_PAIRS = """
increase decrease|increases decreases|increased decreased|increasing decreasing|rise fall
rises falls|rose fell
rising falling|grow shrink|grew shrank|growing shrinking|gain loss|gains losses
gained lost|win lose|won lost
high low|higher lower|highest lowest|large small|larger smaller|largest smallest|big small|bigger smaller
long short|longer shorter|longest shortest|more fewer|more less|most least|most fewest|many few|much little
better worse|best worst|good bad|good poor|positive negative|positively negatively
strong weak|stronger weaker
strongly weakly|fast slow|faster slower|quick slow|quickly slowly|early late
earlier later|first last|before after
start end|starts ends|started ended|begin end|begins ends|began ended|open close|opened closed|opens closes
accept reject|accepts rejects|accepted rejected|allow forbid|allows forbids
allowed forbidden|allowed prohibited
include exclude|includes excludes|included excluded|including excluding|add remove
added removed|adds removes
improve worsen|improves worsens|improved worsened|support oppose|supports opposes
supported opposed|agree disagree
agreed disagreed|pass fail|passed failed|succeed fail|succeeded failed|success failure
succeeds fails|true false
same different|similar different|old new|older newer|young old|younger older
youngest oldest|hot cold|warm cold
easy difficult|easy hard|easier harder|simple complex|rich poor|cheap expensive
above below|over under|upper lower
inside outside|internal external|north south|east west|northern southern|eastern western
left right|top bottom
front back|male female|men women|man woman|boy girl|father mother|son daughter|brother sister|husband wife
king queen|always never|all none|everyone nobody|present absent|presence absence
maximum minimum|maximize minimize
maximizing minimizing|maximise minimise|major minor|majority minority|public private
common rare|frequently rarely
often rarely|often seldom|usually rarely|active inactive|alive dead|born died|birth death|victory defeat
enable disable|enabled disabled|enables disables|enable prevent|import export
imports exports|buy sell|bought sold
income expense|profit loss|free paid|safe dangerous|safe unsafe|healthy sick|full empty
wide narrow|deep shallow
thick thin|heavy light|hard soft|rough smooth|dark light|wet dry|clean dirty|loud quiet
near far|nearest farthest
superior inferior|superiority inferiority|outperform underperform|outperforms underperforms|single multiple
global local|static dynamic|finite infinite|supervised unsupervised|offline online
input output|encoder decoder
simultaneously separately|together separately|together apart|permanent temporary|temporarily permanently
ancient modern|urban rural|domestic foreign|natural artificial|acute chronic|benign malignant|mild severe
proximal distal|anterior posterior|systolic diastolic|preoperative postoperative|significant insignificant
effective ineffective|sufficient insufficient|adequate inadequate|direct indirect
directly indirectly|formal informal
accelerate slow|accelerates slows|strengthen weaken|strengthened weakened|expand contract
expanded contracted
attack defend|attacked defended|arrive depart|arrived departed|enter leave|entered left
advance retreat|ally enemy
hero villain|guilty innocent|convicted acquitted|legal illegal|possible impossible
likely unlikely|able unable
steigt sinkt|stieg sank|gestiegen gesunken|hoch niedrig|höher niedriger|groß klein
größer kleiner|mehr weniger
vor nach|erlaubt verboten|offen geschlossen|immer nie|alle keine|besser schlechter|zunahme abnahme
augmente diminue|augmenté diminué|hausse baisse|plus moins|avant après|grand petit
haut bas|meilleur pire|toujours jamais
aumenta disminuye|aumentó disminuyó|subió bajó|alto bajo|mayor menor|antes después
mejor peor|siempre nunca|más menos
aumenta diminuisce|aumentato diminuito|prima dopo|grande piccolo|migliore peggiore
sempre mai|maggiore minore
aumentou diminuiu|subiu caiu|maior menor|antes depois|melhor pior|sempre nunca|mais menos
"""


def _opposites(rows: str) -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for pair in rows.replace("\n", "|").split("|"):
        if pair:
            one, other = pair.split()
            table.setdefault(one, set()).add(other)
            table.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in table.items()}


ANTONYMS = _opposites(_PAIRS)
NEGATIVE_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "mis")


def opposite_of(word: str, among: Set[str]) -> str | None:
    """A word of ``among`` that is the opposite of ``word``: by the table, or by a negative prefix."""
    listed = ANTONYMS.get(word, frozenset()) & among
    if listed:
        return min(listed)
    for prefix in NEGATIVE_PREFIXES:
        if prefix + word in among and len(word) >= 4:
            return prefix + word
        if word.startswith(prefix) and len(word) >= 4 + len(prefix) and word[len(prefix) :] in among:
            return word[len(prefix) :]
    return None


def _numbered(start: int, rows: str) -> dict[str, int]:
    return {word: start + at for at, row in enumerate(rows.split()) for word in row.split("/")}


def _all(relation: str, row: str) -> dict[str, str]:
    return dict.fromkeys(row.split(), relation)


MONTHS = _numbered(
    1,
    """january/jan/januar/jänner/janvier/janv/enero/ene/gennaio/gen/janeiro
    february/feb/februar/février/févr/febrero/febbraio/fevereiro/fev
    march/mar/märz/mrz/mars/marzo/março
    april/apr/avril/avr/abril/abr/aprile
    may/mai/mayo/maggio/mag/maio
    june/jun/juni/juin/junio/giugno/giu/junho
    july/jul/juli/juillet/juil/julio/luglio/lug/julho
    august/aug/août/agosto/ago
    september/sep/sept/septembre/septiembre/settembre/setembro
    october/oct/oktober/okt/octobre/octubre/ottobre/ott/outubro
    november/nov/novembre/noviembre/novembro
    december/dec/dezember/dez/décembre/déc/diciembre/dic/dicembre/dezembro""",
)

# "one" and its sisters are left out: they are articles and pronouns more often than numbers.
NUMBER_WORDS: dict[str, int] = {
    "zero": 0,
    "dozen": 12,
    "twice": 2,
    **_numbered(
        2,
        """two/zwei/deux/dos/dois/duas three/drei/trois/tres/tre/três four/vier/quatre/cuatro/quattro/quatro
        five/fünf/cinq/cinco/cinque six/sechs/seis seven/sieben/siete/sette/sete
        eight/acht/huit/ocho/otto/oito
        nine/neun/neuf/nueve/nove ten/zehn/dix/diez/dieci eleven/elf/onze/undici
        twelve/zwölf/douze/doce/dodici/doze
        thirteen/dreizehn/treize/trece fourteen/vierzehn fifteen/fünfzehn/quinze/quince
        sixteen/sechzehn/seize
        seventeen/siebzehn eighteen/achtzehn nineteen/neunzehn twenty/zwanzig/vingt/veinte/venti/vinte""",
    ),
    **{
        word: 10 * at
        for word, at in _numbered(
            3,
            """thirty/dreißig/trente/treinta/trenta/trinta forty/vierzig/quarante/cuarenta
            fifty/fünfzig/cinquante/cincuenta
            sixty/sechzig/soixante/sesenta seventy/siebzig/setenta eighty/achtzig/ochenta
            ninety/neunzig/noventa""",
        ).items()
    },
}
ORDINAL_WORDS = _numbered(1, "first second third fourth fifth sixth seventh eighth ninth tenth")
MULTIPLES = {
    "hundred": 1e2,
    "hundert": 1e2,
    "cien": 1e2,
    "thousand": 1e3,
    "tausend": 1e3,
    "mille": 1e3,
    "mil": 1e3,
    "k": 1e3,
    "million": 1e6,
    "millions": 1e6,
    "millionen": 1e6,
    "mio": 1e6,
    "mn": 1e6,
    "millones": 1e6,
    "millón": 1e6,
    "milioni": 1e6,
    "milione": 1e6,
    "milhões": 1e6,
    "milhão": 1e6,
    "billion": 1e9,
    "billions": 1e9,
    "bn": 1e9,
    "milliarden": 1e9,
    "mrd": 1e9,
    "milliards": 1e9,
    "miliardi": 1e9,
    "bilhões": 1e9,
    "trillion": 1e12,
    "万": 1e4,
    "萬": 1e4,
    "億": 1e8,
    "亿": 1e8,
}

# Unit -> (dimension, how much of its base unit, what is added after). Upper case matters only for "M".
_UNIT_ROWS = (
    ("length", 1000, "km kilometer kilometers kilometre kilometres kilómetros chilometri quilômetros 公里"),
    ("length", 1, "m meter meters metre metres mètres metros metri 米"),
    ("length", 0.01, "cm centimeter centimeters centimetre centimetres zentimeter 厘米"),
    ("length", 0.001, "mm millimeter millimeters millimetre millimetres"),
    ("length", 1609.344, "mile miles mi meilen millas miglia"),
    ("length", 0.3048, "ft foot feet"),
    ("mass", 1000, "kg kilogram kilograms kilogramm kilogrammes kilogramos chilogrammi kilo kilos 公斤 千克"),
    ("mass", 1, "g gram grams gramm grammes gramos grammi 克"),
    ("mass", 0.001, "mg milligram milligrams"),
    ("mass", 1e6, "t tonne tonnes tonnen"),
    ("mass", 453.59237, "lb lbs"),
    ("time", 1, "s sec secs second seconds sekunde sekunden secondes segundos secondi 秒"),
    ("time", 0.001, "ms millisecond milliseconds"),
    ("time", 60, "min mins minute minutes minuten minutos minuti 分钟 分鐘"),
    ("time", 3600, "h hr hrs hour hours stunde stunden heure heures hora horas ora ore 小时 時間"),
    ("time", 86400, "day days tag tage tagen jour jours día días giorno giorni dia dias 天"),
    ("time", 604800, "week weeks woche wochen semaine semaines semana semanas settimana settimane"),
    ("months", 1, "month months monat monate monaten mois mes meses mese mesi"),
    ("months", 12, "year years jahr jahre jahren an ans année années año años anno anni ano anos 年間"),
    ("bytes", 1, "byte bytes b"),
    ("bytes", 1e3, "kb kilobyte kilobytes"),
    ("bytes", 1e6, "mb megabyte megabytes"),
    ("bytes", 1e9, "gb gigabyte gigabytes"),
    ("bytes", 1e12, "tb terabyte terabytes"),
    ("percent", 1, "% percent percentage prozent pour_cent pct per_cent"),
    ("celsius", 1, "°c celsius"),
    ("usd", 1, "$ usd dollar dollars us$"),
    ("eur", 1, "€ eur euro euros"),
    ("gbp", 1, "£ gbp"),
    ("yen", 1, "¥ jpy cny rmb yen yuan 元 円"),
)
UNITS: dict[str, tuple[str, float]] = {
    unit: (dimension, factor) for dimension, factor, row in _UNIT_ROWS for unit in row.split()
}
FAHRENHEIT = words("°f fahrenheit")

# Words before a number that make it a bound or a rounding.
RELATIONS: dict[str, str] = {
    **_all("~", "about around approximately approx roughly nearly almost circa ca some ~ ≈"),
    **dict.fromkeys(
        "etwa rund ungefähr fast environ presque unos unas casi aproximadamente quasi".split(), "~"
    ),
    **_all(">", "over above exceeding least > ≥ más über mindestens oltre"),
    **_all("<", "under below < ≤ unter höchstens"),
}
GERMAN = words(
    "der die das und ist nicht ein eine wurde wird werden von mit für im sind hat auf dem den des zu"
)
