"""Which of Presidio's recognisers are used, and how far each is trusted: one row each.

Presidio's scores count a checksum as certainty. Where one number in ten passes the checksum (Luhn, mod 11,
Verhoeff) that makes a finding of every tenth order number, so ``alone`` caps what a value scores without a
word near it that says what it is. Recognisers not listed here are not used: their shapes (five digits, a
word with a number in it) are those of ordinary text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from safety.detectors.pii import checks

WORD = 0.4  # below any sensible threshold: not found without a context word
EMAIL = "EMAIL_ADDRESS"
PHONE = "PHONE_NUMBER"


@dataclass(frozen=True, slots=True)
class Row:
    """One recogniser.

    ``alone``: the most a value scores with no context word near it. ``digits``: the fewest digits a value
    has close together (0: look at the whole text). ``reach``: how far a value extends before and after its
    digits. ``hint``: an expression that must match where a value stands; cheaper than the patterns, and
    minding capitals where they do not.
    ``more``: an expression of values that the recogniser's own pass over; its validators judge them, too.
    ``words``: context words in place of the recogniser's own. ``only``: which of its patterns, by position.
    ``before`` and ``after``: expressions that, met there, mean that it is something else.
    ``cased``: lower-case letters in a value make it need a context word. ``language``: where the value is
    issued, or none.
    """

    entity: str
    recognizer: str
    alone: float
    digits: int
    reach: tuple[int, int] = (24, 24)
    hint: str = ""
    more: str = ""
    words: tuple[str, ...] = ()
    only: tuple[int, ...] = ()
    cased: bool = True
    language: str = ""
    default: bool = True
    before: str = ""
    after: str = ""
    check: Callable[[str], float] = checks.anything


_PASSPORT = ("passport", "passports", "travel document")
_CARD_WORDS = (
    *("card", "credit", "debit", "visa", "mastercard", "amex", "american express", "discover", "jcb"),
    *("diners", "maestro", "cc", "pan", "karte", "kreditkarte", "carte", "tarjeta", "carta", "cartão"),
    *("カード", "信用卡", "银行卡", "카드"),
)
# Presidio's expression has the Mastercards that begin with 5 only.
_MASTERCARD_2 = r"\b(?:222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)(?:[- ]?\d{4}){3}\b"
# Presidio's words and those of other languages, without "number", which stands before every order number.
_PHONE_WORDS = (
    *("phone", "telephone", "cell", "cellphone", "mobile", "call", "tel", "fax", "sms", "text", "whatsapp"),
    *("dial", "ring", "reach", "landline", "hotline", "contact", "telefon", "handy", "mobil", "anrufen"),
    *("telefonnummer", "téléphone", "portable", "appeler", "teléfono", "móvil", "celular", "telefone"),
    *("telefono", "cellulare", "puhelin", "电话", "手机", "電話", "携帯", "전화", "휴대폰", "телефон"),
)
NATIONAL = 1  # in ``Row.only`` of a telephone row: the numbers that only make sense inside a country

ROWS: tuple[Row, ...] = (
    # "git@github.com:owner/name" is a place in a repository
    Row(EMAIL, "EmailRecognizer", 1.0, 0, cased=False, after=r":[\w.~-]+/"),
    Row(PHONE, "PhoneRecognizer", 0.75, 7, words=_PHONE_WORDS),
    Row(PHONE, "PhoneRecognizer", WORD, 7, words=_PHONE_WORDS, only=(NATIONAL,)),
    Row(
        *("CREDIT_CARD", "CreditCardRecognizer", 1.0, 13, (1, 1)),
        words=_CARD_WORDS,
        more=_MASTERCARD_2,
        check=checks.card,
    ),
    Row("IBAN_CODE", "IbanRecognizer", 1.0, 6, (48, 48), hint=r"[A-Z]{2}[0-9]{2}"),
    Row(
        *("IP_ADDRESS", "IpRecognizer", 1.0, 4, (1, 4)),
        hint=r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
        only=(2,),
        before=r"(?:version|ver|v|release|build|firmware|section)[\s:/]*",
        check=checks.ip,
    ),
    Row(
        *("IP_ADDRESS", "IpRecognizer", 1.0, 1, (40, 48)),
        hint=r":[0-9A-Fa-f]{0,4}:",
        only=(0, 1, 3),
        cased=False,
        check=checks.ip,
    ),
    Row(
        *("MAC_ADDRESS", "MacAddressRecognizer", 1.0, 2, (16, 16)),
        hint=r"[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]|\.[0-9A-Fa-f]{4}\.",
        cased=False,
    ),
    Row("CRYPTO", "CryptoRecognizer", 1.0, 1, (3, 64), hint="(?:bc1|[13])[0-9A-Za-z]{25}", cased=False),
    Row("US_ITIN", "UsItinRecognizer", 0.5, 9, (1, 1), words=("itin", "taxpayer", "tax id", "tin")),
    Row(
        *("US_SSN", "UsSsnRecognizer", 0.5, 9, (1, 1)),
        words=("ssn", "ssns", "social security", "soc sec", "social"),
        check=checks.hyphenated,
    ),
    Row("US_PASSPORT", "UsPassportRecognizer", WORD, 8, words=_PASSPORT),
    Row(
        *("US_DRIVER_LICENSE", "UsLicenseRecognizer", WORD, 5),
        words=(
            *("driver license", "driver's license", "drivers license", "driving license", "dl", "dls"),
            *("driver licence", "driver's licence", "cdl", "license number", "licence number"),
        ),
    ),
    Row(
        *("US_BANK_NUMBER", "UsBankRecognizer", WORD, 8, (1, 1)),
        words=("account", "acct", "bank"),
    ),
    Row("ABA_ROUTING_NUMBER", "AbaRoutingRecognizer", WORD, 9, words=("aba", "routing", "rtn")),
    Row("US_MBI", "UsMbiRecognizer", 0.5, 5, words=("medicare", "mbi", "beneficiary")),
    Row("US_NPI", "UsNpiRecognizer", WORD, 10, words=("npi", "national provider")),
    Row(
        "MEDICAL_LICENSE", "MedicalLicenseRecognizer", WORD, 7, words=("dea", "medical license", "prescriber")
    ),
    Row("UK_NHS", "NhsRecognizer", WORD, 10, words=("nhs", "national health", "health service")),
    Row("UK_NINO", "UkNinoRecognizer", 0.5, 6, words=("national insurance", "nino", "ni number")),
    Row("UK_PASSPORT", "UkPassportRecognizer", WORD, 7, words=_PASSPORT),
    Row("UK_DRIVING_LICENCE", "UkDrivingLicenceRecognizer", 0.5, 6),
    Row("CA_SIN", "CaSinRecognizer", WORD, 9, words=("social insurance", "sin", "nas", "assurance sociale")),
    Row("AU_TFN", "AuTfnRecognizer", WORD, 9),
    Row("AU_MEDICARE", "AuMedicareRecognizer", WORD, 10),
    Row("AU_ABN", "AuAbnRecognizer", WORD, 11, default=False),
    Row("AU_ACN", "AuAcnRecognizer", WORD, 9, default=False),
    Row("IN_AADHAAR", "InAadhaarRecognizer", WORD, 12, words=("aadhaar", "aadhar", "uidai", "आधार")),
    Row(
        "IN_PAN",
        "InPanRecognizer",
        0.5,
        4,
        (6, 2),
        "[A-Z]{5}[0-9]{4}",
        only=(0,),
        words=("permanent account", "pan"),
    ),
    Row("IN_PASSPORT", "InPassportRecognizer", WORD, 7, words=_PASSPORT),
    Row("IN_VOTER", "InVoterRecognizer", WORD, 7, words=("voter", "elector")),
    Row("IN_GSTIN", "InGstinRecognizer", WORD, 6, default=False),
    Row("SG_NRIC_FIN", "SgFinRecognizer", 0.5, 7, words=("nric", "fin")),
    Row("SG_UEN", "SgUenRecognizer", WORD, 6, default=False),
    Row("DE_TAX_ID", "DeTaxIdRecognizer", WORD, 11, language="de"),
    Row("DE_SOCIAL_SECURITY", "DeSocialSecurityRecognizer", 0.6, 8, language="de"),
    Row("DE_HEALTH_INSURANCE", "DeHealthInsuranceRecognizer", WORD, 9, language="de"),
    Row("DE_ID_CARD", "DeIdCardRecognizer", WORD, 1, hint="[A-Z][A-Z0-9]{7}[0-9]", language="de"),
    Row("DE_PASSPORT", "DePassportRecognizer", WORD, 1, hint="[A-Z][A-Z0-9]{7}[0-9]", language="de"),
    Row("DE_FUEHRERSCHEIN", "DeFuehrerscheinRecognizer", WORD, 8, language="de"),
    Row("DE_TAX_NUMBER", "DeTaxNumberRecognizer", WORD, 9, language="de", default=False),
    Row("DE_VAT_ID", "DeVatIdRecognizer", WORD, 9, language="de", default=False),
    Row(
        "ES_NIF",
        "EsNifRecognizer",
        WORD,
        7,
        language="es",
        words=("dni", "nif", "identidad", "identificación"),
    ),
    Row("ES_NIE", "EsNieRecognizer", WORD, 7, language="es", words=("nie", "extranjero")),
    Row("ES_PASSPORT", "EsPassportRecognizer", WORD, 6, language="es", words=("pasaporte", *_PASSPORT)),
    Row(
        "IT_FISCAL_CODE",
        "ItFiscalCodeRecognizer",
        1.0,
        2,
        hint="[A-Z]{6}[0-9A-Z]{2}[A-Z][0-9A-Z]{2}",
        language="it",
    ),
    Row("IT_DRIVER_LICENSE", "ItDriverLicenseRecognizer", WORD, 7, language="it"),
    Row(
        "IT_IDENTITY_CARD",
        "ItIdentityCardRecognizer",
        WORD,
        5,
        language="it",
        words=("carta d'identità", "cie"),
    ),
    Row("IT_PASSPORT", "ItPassportRecognizer", WORD, 7, language="it", words=("passaporto", *_PASSPORT)),
    Row("IT_VAT_CODE", "ItVatCodeRecognizer", WORD, 11, language="it", default=False),
    Row("PL_PESEL", "PlPeselRecognizer", WORD, 11, language="pl"),
    Row("FI_PERSONAL_IDENTITY_CODE", "FiPersonalIdentityCodeRecognizer", 0.6, 6, language="fi"),
    Row("SE_PERSONNUMMER", "SePersonnummerRecognizer", WORD, 10, language="sv"),
    Row("TR_NATIONAL_ID", "TrNationalIdRecognizer", WORD, 11, language="tr"),
    Row("TH_TNIN", "ThTninRecognizer", WORD, 13, language="th"),
    Row(
        *("KR_RRN", "KrRrnRecognizer", 0.6, 13),
        language="ko",
        words=("rrn", "resident registration", "주민등록번호", "주민번호"),
        check=checks.hyphenated,
    ),
    Row("KR_FRN", "KrFrnRecognizer", WORD, 13, language="ko"),
    Row("KR_DRIVER_LICENSE", "KrDriverLicenseRecognizer", WORD, 12, language="ko"),
    Row("KR_PASSPORT", "KrPassportRecognizer", WORD, 7, language="ko", words=("여권", *_PASSPORT)),
    Row("KR_BRN", "KrBrnRecognizer", WORD, 10, language="ko", default=False),
    Row("ZA_ID_NUMBER", "ZaIdNumberRecognizer", WORD, 13, words=("id number", "identity number", "rsa id")),
    Row("NG_NIN", "NgNinRecognizer", WORD, 11, words=("nin", "national identification number")),
    Row("PH_TIN", "PhTinRecognizer", WORD, 9, words=("tin", "taxpayer identification"), default=False),
    Row("UUID", "UuidRecognizer", 0.5, 1, (36, 36), hint="[0-9A-Fa-f]{8}-", cased=False, default=False),
    Row("DATE_TIME", "DateRecognizer", 1.0, 2, (32, 32), cased=False, default=False),
    Row("URL", "UrlRecognizer", 1.0, 0, hint=r"[0-9A-Za-z]\.[0-9A-Za-z]", cased=False, default=False),
)

ENTITIES = tuple(dict.fromkeys(row.entity for row in ROWS))
DEFAULT_ENTITIES = tuple(dict.fromkeys(row.entity for row in ROWS if row.default))
LANGUAGES = tuple(dict.fromkeys(row.language for row in ROWS if row.language))
