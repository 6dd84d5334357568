"""How far each model stands from what is knowable: scores, noise ceiling, smoothness."""
