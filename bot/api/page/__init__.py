"""The page: one screen of a server's spend, or of everybody's, for a browser without JavaScript.

site        its addresses
visits      signing in and out         passes      the signed links and visits
look        what one look shows, read from the same reports as `/token-stats`
screens     templates and headers      words       figures as words, for the templates
bars        the picture of the trend: sums in, places of its bars out
"""
