package io.lmcache.server;

import io.grpc.Context;
import io.lmcache.server.protocol.Reason;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/** The times at which clients give up their calls, on the clock of the host. */
final class Deadlines {
    /** Twice the longest that the connector can be told to wait. */
    private static final Duration LONGEST = Duration.ofDays(2);

    private Deadlines() {}

    /** Refuses a call that comes too late or with a wrong time. The answer tells, from here on, whether the client gave up. */
    static BooleanSupplier require(Registration registration, long deadline) {
        requireTime(deadline);
        BooleanSupplier isOver = isOver(registration, deadline);
        if (isOver.getAsBoolean()) {
            throw new Refusal(Reason.DEADLINE, "The deadline was over when the call arrived");
        }
        return isOver;
    }

    /** A time that no client can mean is one of another clock, by which the server would go on for ever, or never begin. */
    private static void requireTime(long deadline) {
        long ahead = deadline - System.nanoTime();
        if (deadline < 0 || ahead > LONGEST.toNanos()) {
            throw Refusal.badArgument(
                    "deadline is %d, which is no time of this host's CLOCK_MONOTONIC within the next %d hours; pass one,"
                            + " in nanoseconds, or 0 for never",
                    deadline, LONGEST.toHours());
        }
    }

    /** Whether the client has given up: its time is over, its call was cancelled, or its session has ended. */
    private static BooleanSupplier isOver(Registration registration, long deadline) {
        Context call = Context.current();
        // The JVM's nanoTime is the host's CLOCK_MONOTONIC, and may be compared by difference only.
        return () ->
                (deadline != 0 && System.nanoTime() - deadline >= 0) || call.isCancelled() || registration.isRetired();
    }
}
