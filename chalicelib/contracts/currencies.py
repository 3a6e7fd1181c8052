"""How many decimals the minor unit of a currency has: ISO 4217, list one, as published 2026-01-01.

Source: https://www.six-group.com/dam/download/financial-information/data-center/iso-currrency/lists/list-one.xml, which
SIX keeps for ISO. Codes without a minor unit are left out: metals, units of account and testing (XAG, XAU, XBA, XBB,
XBC, XBD, XDR, XPD, XPT, XSU, XTS, XUA, XXX). Codes that were withdrawn from list one stay, for older documents.
"""

from __future__ import annotations

PUBLISHED = "2026-01-01"

_BY_DIGITS = {
    0: """
        BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
    """,
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
        CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
        IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
        MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP
        SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG
        YER ZAR ZMW ZWG
    """,
    3: """
        BHD IQD JOD KWD LYD OMR TND
    """,
    4: """
        CLF UYW
    """,
}

_WITHDRAWN = {0: "BYR", 2: "ANG BGN CUC EEK HRK LTL LVL MRO SKK SLL STD VEF ZWL"}

MINOR_UNIT_DIGITS: dict[str, int] = {
    code: digits for listed in (_WITHDRAWN, _BY_DIGITS) for digits, codes in listed.items() for code in codes.split()
}
"""Digits after the decimal point by alphabetic code, in upper case: USD 2, JPY 0, KWD 3, CLF 4."""
