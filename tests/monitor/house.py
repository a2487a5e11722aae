"""A policy of one's own, and the text that it is wrong about."""

POLICY = """\
version: 1
name: house  # ours
detectors:
  blocklist:
    lists:
      stop: {terms: [forbidden]}
rules:
  - {id: stop, when: {category: blocklist.stop}, action: block, message: not that}
exceptions:
  # those that we know
  - text: forbidden city
    reason: a place
    expires: 2027-01-01

tests:
- {name: stops, prompt: forbidden, expect: block}
"""

TEXT = "the forbidden word, quoted"
