"""Resources that no provider has. Their dotted paths are in every state that holds one: they never move."""
