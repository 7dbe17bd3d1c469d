"""What the platform is made of: one Pulumi component per module, and the dynamic resources below them."""
