from __future__ import annotations

import json

from supervisors import MailboxStats, Node


def stats(name: str, depth: int) -> MailboxStats:
    return MailboxStats(name=name, depth=depth, capacity=8, peak=5, dropped=2)


def test_a_node_is_json_ready() -> None:
    leaf = Node(name="leaf", state="quarantined", since=1.5, restarts=3, last_error="ValueError: x")
    root = Node(
        name="root",
        state="running",
        since=1.0,
        mailboxes=(stats("a", 1), stats("b", 2)),
        children=(leaf,),
    )
    assert json.loads(json.dumps(root.to_dict())) == {
        "name": "root",
        "state": "running",
        "since": 1.0,
        "restarts": 0,
        "last_error": None,
        "mailbox": {"depth": 1, "capacity": 8, "peak": 5, "dropped": 2, "last_success": None},
        "mailboxes": [
            {"name": "a", "depth": 1, "capacity": 8, "peak": 5, "dropped": 2, "last_success": None},
            {"name": "b", "depth": 2, "capacity": 8, "peak": 5, "dropped": 2, "last_success": None},
        ],
        "children": [
            {
                "name": "leaf",
                "state": "quarantined",
                "since": 1.5,
                "restarts": 3,
                "last_error": "ValueError: x",
                "mailbox": None,
                "mailboxes": [],
                "children": [],
            }
        ],
    }
