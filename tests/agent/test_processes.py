"""What can be told about processes from /proc."""

import os

from agent.processes import members


def test_this_process_is_in_its_own_session() -> None:
    assert os.getpid() in members(os.getsid(0))


def test_a_session_that_is_not_there_has_no_members() -> None:
    assert list(members(2**22 + 1)) == []
