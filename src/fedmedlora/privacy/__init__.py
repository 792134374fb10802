"""What keeps others from learning more of a site: noise that is counted, sums that are sealed."""
