"""Evidence from the activity of cells: do matched cells keep the structure of their pairwise correlations?"""
