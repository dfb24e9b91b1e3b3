package io.lmcache.core.storage;

import io.lmcache.api.spi.StorageBackend;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Ends several things although one may fail. */
public final class Closing {
    private Closing() {}

    /** Closes each in this order; throws the first failure, with the others suppressed, after the last. */
    public static void all(List<StorageBackend> backends) {
        RuntimeException failure = closeQuietly(backends, null);
        if (failure != null) {
            throw failure;
        }
    }

    /** Closes each in this order after something else has failed; what they throw is suppressed in that failure. */
    public static void afterFailure(List<StorageBackend> backends, RuntimeException failure) {
        closeQuietly(backends, failure);
    }

    /** Ends the oldest until none is left, whatever that throws; then throws the first failure, the others suppressed. */
    @SuppressWarnings("ReferenceEquality") // The virtual machine throws some errors twice, and none suppresses itself.
    static void drain(Collection<?> underway, Runnable endOldest) {
        Throwable failure = null;
        while (!underway.isEmpty()) {
            try {
                endOldest.run();
            } catch (RuntimeException | Error e) {
                if (failure == null) {
                    failure = e;
                } else if (failure != e) {
                    failure.addSuppressed(e);
                }
            }
        }
        switch (failure) {
            case null -> {}
            case Error e -> throw e;
            case Throwable e -> throw (RuntimeException) e;
        }
    }

    private static @Nullable RuntimeException closeQuietly(
            List<StorageBackend> backends, @Nullable RuntimeException primary) {
        RuntimeException failure = primary;
        for (StorageBackend backend : backends) {
            try {
                backend.close();
            } catch (RuntimeException e) {
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        return failure;
    }
}
