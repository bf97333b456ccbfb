-- The hashes of images of the catalogue, each hash with a number from 0, and one image of each split that has it.

CREATE OR REPLACE TEMP TABLE looks AS
SELECT dense_rank() OVER (ORDER BY hash) - 1 AS look, hash, split, image
FROM (
    SELECT unhex(given_hashes.hash_pdq) AS hash, facts.split, min(facts.image) AS image
    FROM given_hashes
    JOIN images_in_splits AS facts USING (uuid)
    WHERE given_hashes.hash_pdq IS NOT NULL AND given_hashes.quality >= getvariable('least_quality')
    GROUP BY ALL
);
