"""Data on its way out: images, links, markup and tool calls that carry something of the exchange away.

Addresses are taken apart as a browser does; what they carry is decoded and compared with the secrets,
personal data, canaries and texts that the exchange has seen. Not seen: data in another wording or language,
spread thinly over many addresses, compressed or encrypted, and where an allowed host sends it next.
"""

from safety.detectors.egress.detector import Egress, EgressOptions

__all__ = ["Egress", "EgressOptions"]
