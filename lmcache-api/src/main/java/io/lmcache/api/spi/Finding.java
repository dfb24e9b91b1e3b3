package io.lmcache.api.spi;

/**
 * One thing that a backend found out about the place it is to work in. Immutable and thread-safe.
 *
 * @param topic what it is about, in a word or two
 * @param status what it means for the backend
 * @param text the fact, with the path, device or number in question
 * @param remedy what to do about it; blank when there is nothing to do
 */
public record Finding(String topic, Status status, String text, String remedy) {
    /** What a finding means for the backend. */
    public enum Status {
        /** All is well. */
        OK,
        /** The backend works, but not as well as it could. */
        NOTE,
        /** The backend starts, and then fails to store or to load. */
        FAILURE,
        /** The backend does not start with its settings. */
        PROBLEM
    }

    /** A finding that needs no remedy. */
    public static Finding ok(String topic, String text) {
        return new Finding(topic, Status.OK, text, "");
    }

    /** A finding that keeps the backend from being as good as it could be. */
    public static Finding note(String topic, String text, String remedy) {
        return new Finding(topic, Status.NOTE, text, remedy);
    }

    /** A finding that lets the backend start, but not work. */
    public static Finding failure(String topic, String text, String remedy) {
        return new Finding(topic, Status.FAILURE, text, remedy);
    }

    /** A finding that keeps the backend from starting. */
    public static Finding problem(String topic, String text, String remedy) {
        return new Finding(topic, Status.PROBLEM, text, remedy);
    }

    /** Whether it keeps the backend from working. */
    public boolean keepsFromWorking() {
        return status == Status.FAILURE || status == Status.PROBLEM;
    }
}
