-- Images, of a class, a data set, a location or a split.
--
-- $dataset VARCHAR = NULL: only of this data set
-- $class VARCHAR = NULL: only with this class among its own or, if it has none, its sequence's
-- $location VARCHAR = NULL: only of this location
-- $split VARCHAR = NULL: only of this split: train, val or test

SELECT dataset, seq_id, frame_num, location, file, class, datetime, uuid
FROM images_in_splits
WHERE ($dataset IS NULL OR dataset = $dataset)
    AND ($class IS NULL OR image IN (SELECT image FROM images_of_class($class)))
    AND ($location IS NULL OR location = $location)
    AND ($split IS NULL OR split = $split)
ORDER BY sequence, frame_num, file
