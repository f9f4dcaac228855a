"""The bundled weights and their record; `east.model.weights` finds them by path."""
