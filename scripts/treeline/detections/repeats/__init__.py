"""Strike out detections that recur at one camera in the same place: stones, branches, shadows taken for animals.

`find` lists the candidates, `review` makes a page on which a person decides, `remove` writes the filtered results.
"""
