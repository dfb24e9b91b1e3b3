package io.lmcache.server;

import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;

/** What a failed call says to a program. Stateless and thread-safe. */
final class Reasons {
    private static final Metadata.Key<String> REASON =
            Metadata.Key.of("lmcache-reason", Metadata.ASCII_STRING_MARSHALLER);

    private Reasons() {}

    /** A call that fails. */
    interface Call {
        void run() throws Exception;
    }

    /** The reason for which the call fails. */
    static String of(Call call) throws Exception {
        Metadata trailers = Status.trailersFromThrowable(failure(call));
        String reason = trailers == null ? null : trailers.get(REASON);
        return reason == null ? "none" : reason;
    }

    /** How the call fails. */
    static StatusRuntimeException failure(Call call) throws Exception {
        try {
            call.run();
        } catch (StatusRuntimeException e) {
            return e;
        }
        throw new AssertionError("The call did not fail");
    }
}
