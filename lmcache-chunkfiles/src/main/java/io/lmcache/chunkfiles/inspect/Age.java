package io.lmcache.chunkfiles.inspect;

import java.time.Duration;

/** How long ago a chunk was used last, in classes from short to long. */
public enum Age {
    /** Less than a minute. */
    MINUTE("under 1 minute", Duration.ofMinutes(1)),
    /** Less than an hour. */
    HOUR("under 1 hour", Duration.ofHours(1)),
    /** Less than a day. */
    DAY("under 1 day", Duration.ofDays(1)),
    /** Less than a week. */
    WEEK("under 7 days", Duration.ofDays(7)),
    /** Less than 30 days. */
    MONTH("under 30 days", Duration.ofDays(30)),
    /** 30 days or more. */
    OLDER("30 days or more", Duration.ofSeconds(Long.MAX_VALUE));

    private final String text;
    private final Duration end;

    Age(String text, Duration end) {
        this.text = text;
        this.end = end;
    }

    static Age of(Duration age) {
        for (Age candidate : values()) {
            if (age.compareTo(candidate.end) < 0) {
                return candidate;
            }
        }
        return OLDER;
    }

    /** The class as people read it. */
    public String text() {
        return text;
    }
}
