"""Weir's sessions against tshark's conversations, for scripts/compare_conversations and the tests.

`dissection` asks tshark for the layers of every frame, `expectation` makes of them the conversations that tshark
shows and the sessions that Weir's documented rules make of the same frames, `records` reads Weir's sessions, and
`comparison` holds one against the other. Standard library only.
"""
