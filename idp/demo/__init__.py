"""The demo on this machine: a stack's services of kind `demo`, with traffic and faults, and what they tell of themselves.

`checkouts` puts them on disk, `processes` runs them, `receiver` takes their spans, `traffic` asks them and sets their faults,
`figures` counts, `view` shows, and `session` has all of it at work.
"""
