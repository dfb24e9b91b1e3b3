package io.lmcache.backend.s3;

import io.lmcache.api.spi.StorageBackend;
import io.lmcache.testkit.StorageBackendContract;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** The backend passes the contract, on a server of its own. */
class S3BackendContractTest extends StorageBackendContract {
    @TempDir
    private static Path folder;

    private static @Nullable S3ProxyProcess started;
    private static int tests;
    private long capacity;

    @BeforeAll
    static void start() {
        started = S3ProxyProcess.start(folder);
    }

    @AfterAll
    static void stop() {
        if (started != null) {
            started.close();
        }
    }

    /** Each test has a prefix of its own, which is faster than to remove what the last one left. */
    @BeforeEach
    void count() {
        tests++;
    }

    private static S3ProxyProcess server() {
        if (started == null) {
            throw new IllegalStateException("no server");
        }
        return started;
    }

    @Override
    protected StorageBackend createBackend(long capacityBytes) {
        capacity = capacityBytes;
        return reopen();
    }

    @Override
    protected StorageBackend reopen() {
        return S3Fixture.open(
                server(),
                "remote_url",
                "s3://" + S3ProxyProcess.BUCKET + "/contract/" + tests,
                "max_size",
                capacity + " B",
                "staging_size",
                "16 MiB");
    }

    @Override
    protected Optional<AutoCloseable> stallStorage() {
        server().stall();
        return Optional.of(server()::goOn);
    }
}
