"""Who somebody is: players, their passwords and roles, and how often they may guess wrong."""
