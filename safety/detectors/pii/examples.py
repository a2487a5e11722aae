"""What the detector finds, what it must leave alone, and what it is known to miss. Tests hold all three.

Every value is made up, published for tests, or of a number range reserved for fiction.
"""

from __future__ import annotations

from typing import NamedTuple


class Positive(NamedTuple):
    """``value`` stands in ``text`` and is found, with exactly that span, as ``entity``."""

    entity: str
    text: str
    value: str


class Miss(NamedTuple):
    """Personal data that is not found, and why."""

    text: str
    why: str


POSITIVES = (
    Positive("EMAIL_ADDRESS", "Write to john.doe@example.com, please.", "john.doe@example.com"),
    Positive("EMAIL_ADDRESS", "mailto:a+b_c@mail.example.co.uk?subject=x", "a+b_c@mail.example.co.uk"),
    Positive("EMAIL_ADDRESS", "Grüße an <josé@exämple.de>!", "josé@exämple.de"),
    Positive("EMAIL_ADDRESS", "请联系john@example.com谢谢", "john@example.com"),
    Positive("EMAIL_ADDRESS", "email=jane@example.org&next=1", "jane@example.org"),
    Positive("EMAIL_ADDRESS", "user＠example.com", "user＠example.com"),
    Positive("PHONE_NUMBER", "Our office: +44 20 7946 0958.", "+44 20 7946 0958"),
    Positive("PHONE_NUMBER", "tel:+12125550143", "+12125550143"),
    Positive("PHONE_NUMBER", "(212) 555-0143 after six", "(212) 555-0143"),
    Positive("PHONE_NUMBER", "It is 212-555-0143.", "212-555-0143"),
    Positive("PHONE_NUMBER", "Call me on 07911 123456 tonight", "07911 123456"),
    Positive("PHONE_NUMBER", "Telefon: 030 901820", "030 901820"),
    Positive("PHONE_NUMBER", "Appelez-moi, portable 06 12 34 56 78", "06 12 34 56 78"),
    Positive("CREDIT_CARD", "Paid with 4111 1111 1111 1111 today", "4111 1111 1111 1111"),
    Positive("CREDIT_CARD", "4111-1111-1111-1111", "4111-1111-1111-1111"),
    Positive("CREDIT_CARD", "5555555555554444, 12/27", "5555555555554444"),
    Positive("CREDIT_CARD", "2223003122003222", "2223003122003222"),
    Positive("CREDIT_CARD", "the first is 2221 0000 0000 0009", "2221 0000 0000 0009"),
    Positive("CREDIT_CARD", "the last is 2720-9999-9999-9996", "2720-9999-9999-9996"),
    Positive("CREDIT_CARD", "amex 3782 822463 10005", "3782 822463 10005"),
    Positive("CREDIT_CARD", "４１１１ １１１１ １１１１ １１１１", "４１１１ １１１１ １１１１ １１１１"),
    Positive("CREDIT_CARD", "٤١١١١١١١١١١١١١١١", "٤١١١١١١١١١١١١١١١"),
    Positive("CREDIT_CARD", "4111\u200b1111\u200b1111\u200b1111 ok", "4111\u200b1111\u200b1111\u200b1111"),
    Positive("CREDIT_CARD", "卡号4111111111111111。", "4111111111111111"),
    Positive("CREDIT_CARD", "4111–1111–1111–1111", "4111–1111–1111–1111"),
    Positive("IBAN_CODE", "IBAN GB82 WEST 1234 5698 7654 32.", "GB82 WEST 1234 5698 7654 32"),
    Positive("IBAN_CODE", "to DE89370400440532013000 2 days from today", "DE89370400440532013000"),
    Positive("IBAN_CODE", "MT84MALT011000012345MTLCAST001S", "MT84MALT011000012345MTLCAST001S"),
    Positive("IP_ADDRESS", "from 192.168.1.17:8080 at noon", "192.168.1.17"),
    Positive("IP_ADDRESS", "client 2a00:1450:4001:81b::200e connected", "2a00:1450:4001:81b::200e"),
    Positive("MAC_ADDRESS", "device 00:1A:2B:3C:4D:5E", "00:1A:2B:3C:4D:5E"),
    Positive("CRYPTO", "send to 1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"),
    Positive("US_SSN", "SSN: 457-55-5462", "457-55-5462"),
    Positive("US_SSN", "457-55-5462", "457-55-5462"),
    Positive("US_SSN", "my social security number is 457555462", "457555462"),
    Positive("US_ITIN", "ITIN 911-70-1234", "911-70-1234"),
    Positive("US_PASSPORT", "passport no. X12345678", "X12345678"),
    Positive("US_DRIVER_LICENSE", "Driver's license: D1234567", "D1234567"),
    Positive("US_BANK_NUMBER", "account number 12345678901", "12345678901"),
    Positive("ABA_ROUTING_NUMBER", "routing number 121000358", "121000358"),
    Positive("US_MBI", "Medicare: 1EG4-TE5-MK73", "1EG4-TE5-MK73"),
    Positive("MEDICAL_LICENSE", "DEA registration BB1388568", "BB1388568"),
    Positive("UK_NHS", "NHS number 943 476 5919", "943 476 5919"),
    Positive("UK_NINO", "AB 12 34 56 C", "AB 12 34 56 C"),
    Positive("CA_SIN", "Social insurance number 130 692 544", "130 692 544"),
    Positive("AU_TFN", "TFN 876 543 210", "876 543 210"),
    Positive("IN_AADHAAR", "Aadhaar 3123 4567 8909", "3123 4567 8909"),
    Positive("IN_PAN", "PAN ABCPD1234F", "ABCPD1234F"),
    Positive("SG_NRIC_FIN", "NRIC S1234567D", "S1234567D"),
    Positive("DE_TAX_ID", "Steuer-ID 65929970489", "65929970489"),
    Positive("DE_SOCIAL_SECURITY", "Rentenversicherungsnummer 65170839J003", "65170839J003"),
    Positive("ES_NIF", "DNI 12345678Z", "12345678Z"),
    Positive("ES_NIE", "NIE X1234567L", "X1234567L"),
    Positive("IT_FISCAL_CODE", "RSSMRA85T10A562S", "RSSMRA85T10A562S"),
    Positive("PL_PESEL", "PESEL 44051401359", "44051401359"),
    Positive("FI_PERSONAL_IDENTITY_CODE", "131052-308T", "131052-308T"),
    Positive("SE_PERSONNUMMER", "personnummer 811228-9874", "811228-9874"),
    Positive("KR_RRN", "주민등록번호: 960121-1234560", "960121-1234560"),
    Positive("TR_NATIONAL_ID", "TC kimlik 10000000146", "10000000146"),
)

NEGATIVES = (
    "",
    "No digits and nothing else of note.",
    "Order 20231107-4711 ships on 2024-01-15 at 10:30:45.",
    "Version 1.2.3.4, build 10.0.19045.3803, Python 3.11.9 and v2.0.0-rc.1",
    "localhost is 127.0.0.1 or ::1, all interfaces 0.0.0.0, mask 255.255.255.0",
    "It costs $1,234.56, or 1 234 567 € a year; up 12.5% since 1998-2003.",
    "$123456789 in revenue, 987654321 rows, 4000000000 bytes",
    "id 550e8400-e29b-41d4-a716-446655440000",
    "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "pi is 3.14159265358979323846 and e is 2.718281828459045",
    "ISBN 978-3-16-148410-0, ISBN-10 0-306-40615-2",
    "timestamp 1699363200, in ms 1699363200123",
    "The public public library: 123456789 visitors, lic",
    "MIT license 2.0, GPL v3 license, Section 230",
    "10 print x: 20 goto 10; a[10::2], std::vector, Face::Bad",
    "line 1234: 0x7fff5fbff8c0 at 00000000004005d6",
    "f(x) = 3x^2 + 12x - 456789012, n = 1234567890",
    "git@github.com:owner/name.git, lodash@4.17.21, logo@2x.png, @app.route",
    "1234 5678 9012 3456 7890 1234 5678 9012",
    "4000 1234 5678 9010 4000 1234 5678 9010 4111 1111 1111 1111 4000 1234",
    "Room 12, floor 3, 35 people, 1984, 50 mm, 24/7, 1:2:3",
    "12.05.2024, 12/05/2024, 2024/12/05 and May 5, 2024",
    "tracking 1Z999AA10123456784, SKU ABC-12345-XYZ, part A12345",
    "DTSTART:20240505 savings with Lena",
    "see RFC 7519 and ISO 8601, IEEE 802.11, H.264",
    "-0.5772156649015329, 6.02214076e23, 1e-10",
    "GET /orders/123456789/items?page=2&size=100 HTTP/1.1",
    "1600x1200 pixels, 192000 Hz, 4294967295 = 2**32 - 1",
    "0000 0000 0000 0000",
    "2223003122003223 fails the Luhn check, 2220999999999991 and 2721000000000004 are no card scheme's",
)

MISSES = (
    Miss("Anna Schmidt lives in Berlin.", "names and places need a model"),
    Miss("john at example dot com", "an address in words"),
    Miss("root@localhost", "a host without a public suffix"),
    Miss("four one one one, then all ones", "digits in words"),
    Miss("am9obkBleGFtcGxlLmNvbQ==", "another encoding"),
    Miss("07911 123456", "a national telephone number without a word for it"),
    Miss("12345678901", "an account number without a word for it"),
    Miss("943 476 5919", "one number in eleven passes the NHS checksum: a word for it is needed"),
    Miss("gb82west12345698765432", "an IBAN in small letters"),
    Miss("Code 1234 4111 1111 1111 1111", "a card right after other digits may be a row of a table"),
)
