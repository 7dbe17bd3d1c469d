"""What happens around `pulumi up`: the stack's own folder, what a machine lacks, what a killed run left."""
