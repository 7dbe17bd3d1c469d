"""An internal developer platform, declared as one Pulumi program."""
