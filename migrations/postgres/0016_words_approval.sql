-- Who put the words of a holding notice forward, and who approved them: by the digest of a template in one language.
CREATE TABLE words_approval (
    digest TEXT COLLATE "C" NOT NULL,
    language TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (digest, language)
);
