"""The options of every command. They import little, so that help shows within a second."""
