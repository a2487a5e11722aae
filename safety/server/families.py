"""The metrics there are: names, labels, and what they say. How they are counted is in ``metrics``."""

from __future__ import annotations

from dataclasses import dataclass

# Upper ends of the buckets of all times, in seconds.
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name (a counter's without ``_total``), what it says, its labels, and how many sets of
    their values are told apart."""

    name: str
    about: str
    labels: tuple[str, ...] = ()
    most: int = 1


REQUESTS = Family(
    "safety_requests",
    "Judged stages of requests, by the pattern of their route and what was done.",
    ("route", "stage", "action"),
    500,
)
MONITORED = Family(
    "safety_monitored", "Stages that monitor mode let pass, by what would have been done.", ("would",), 4
)
INCOMPLETE = Family(
    "safety_incomplete", "Stages in which a detector that should have run did not.", ("stage",), 2
)
RULES = Family("safety_rule_hits", "Stages in which a rule fired.", ("rule",), 300)
CATEGORIES = Family("safety_category_hits", "Stages in which a rule fired on a category.", ("category",), 500)
RUNS = Family(
    "safety_detector_runs",
    "Runs of a detector, by how they went; cached: all its texts were known.",
    ("detector", "outcome"),
)
DETECTOR_SECONDS = Family("safety_detector_seconds", "Time of a detector in a stage.", ("detector",), 100)
STAGE_SECONDS = Family("safety_stage_seconds", "Time that judging added to a stage.", ("stage",), 2)
MEMO = Family("safety_memo_lookups", "Texts looked up among those judged before.", ("result",), 2)
LOST = Family("safety_record_lost", "Events that could not be recorded.")
SAMPLED = Family("safety_record_sampled", "Clean events left out of the record while it was behind.")
WAITING = Family("safety_record_waiting", "Events handed to the record and not on disk yet.")
TROUBLE = Family("safety_record_trouble", "1 while events cannot be recorded.")
BEHIND = Family("safety_record_behind", "1 while events come faster than they are written.")
IN_FLIGHT = Family("safety_requests_in_flight", "Requests that are being served.")
WORKERS = Family("safety_workers", "Processes that serve.")
POLICY = Family("safety_policy_info", "Processes in which a policy is in force.", ("policy",))
PROBLEM = Family("safety_policy_problem", "1 while the policy file as it stands is not in force.")
