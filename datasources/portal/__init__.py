"""The portal's own database."""
