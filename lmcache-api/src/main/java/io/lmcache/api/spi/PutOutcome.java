package io.lmcache.api.spi;

/** What became of a put that did not fail. */
public sealed interface PutOutcome {
    /** The chunk is stored, and every later get in this or, for a shared backend, another process may find it. */
    record Stored() implements PutOutcome {}

    /** A chunk of that key was there before; nothing was written. */
    record AlreadyPresent() implements PutOutcome {}

    /**
     * The backend does not take the chunk; nothing was written.
     *
     * @param reason why, as a kind
     * @param message why, in words
     */
    record Declined(DeclineReason reason, String message) implements PutOutcome {}

    /** The outcome {@link Stored}. */
    static PutOutcome stored() {
        return new Stored();
    }

    /** The outcome {@link AlreadyPresent}. */
    static PutOutcome alreadyPresent() {
        return new AlreadyPresent();
    }

    /** The outcome {@link Declined}. */
    static PutOutcome declined(DeclineReason reason, String message) {
        return new Declined(reason, message);
    }
}
