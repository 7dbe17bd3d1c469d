"""What the portal is told: the catalog of a stack as Backstage's entities, and the forms that change it."""
