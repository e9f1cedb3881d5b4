"""One module a command of the `voicebench` command line.

A command module has `add_parser(subparsers)`, which sets `func`, and `run(args) -> int`. At its top
it imports nothing heavier than floor 0, because `voicebench --help` imports all of them.
"""
