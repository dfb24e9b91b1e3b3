package io.lmcache.server;

import com.google.errorprone.annotations.FormatMethod;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.lmcache.api.LmcacheException;
import io.lmcache.server.protocol.Reason;

/** Why a call is refused, as the protocol says it: a status, a reason for programs, a sentence for people. */
final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private static final Metadata.Key<String> REASON =
            Metadata.Key.of("lmcache-reason", Metadata.ASCII_STRING_MARSHALLER);

    /** Three kilobytes of a header at most, as gRPC writes characters beyond ASCII. */
    private static final int MAX_CHARACTERS = 300;

    private final Reason reason;

    Refusal(Reason reason, String message) {
        super(message);
        this.reason = reason;
    }

    @FormatMethod
    static Refusal badArgument(String message, Object... arguments) {
        return new Refusal(Reason.BAD_ARGUMENT, message.formatted(arguments));
    }

    /** What the library refused, in the words of the protocol. */
    static Refusal of(LmcacheException e) {
        Reason reason = switch (e.code()) {
            case INVALID_ARGUMENT -> Reason.BAD_ARGUMENT;
            case LAYOUT_MISMATCH -> Reason.BAD_LAYOUT;
            case CLOSED -> Reason.DRAINING;
            case INVALID_CONFIGURATION, UNKNOWN_BACKEND, START_FAILED, LEAK, TIMEOUT, STORAGE, DEVICE ->
                Reason.SERVER_FAILURE;
        };
        return new Refusal(reason, String.valueOf(e.getMessage()));
    }

    Reason reason() {
        return reason;
    }

    /** The error that the client gets. */
    StatusRuntimeException toStatus() {
        Metadata trailers = new Metadata();
        trailers.put(REASON, reason.name());
        return status().withDescription(description()).asRuntimeException(trailers);
    }

    /** The message travels in a header, for which clients have room of a few kilobytes; names in it may be longer. */
    private String description() {
        String message = String.valueOf(getMessage());
        return message.length() <= MAX_CHARACTERS ? message : message.substring(0, MAX_CHARACTERS) + "...";
    }

    private Status status() {
        return switch (reason) {
            case VERSION_MISMATCH, RANKS_MISSING, BAD_REGION, NO_DEVICE -> Status.FAILED_PRECONDITION;
            case UNKNOWN_SESSION, UNKNOWN_KV_CACHE, UNKNOWN_ENGINE -> Status.NOT_FOUND;
            case BAD_ARGUMENT, BAD_LAYOUT -> Status.INVALID_ARGUMENT;
            case DEADLINE -> Status.DEADLINE_EXCEEDED;
            case BUSY -> Status.RESOURCE_EXHAUSTED;
            case DRAINING -> Status.UNAVAILABLE;
            case SERVER_FAILURE, REASON_UNSPECIFIED, UNRECOGNIZED -> Status.INTERNAL;
        };
    }
}
