"""Small programs for those who keep the project; nothing here is part of a run."""
