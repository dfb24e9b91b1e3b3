package io.lmcache.backend.redis;

import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.testkit.StorageBackendContract;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** The backend passes the contract, on a server of its own. */
class RedisBackendContractTest extends StorageBackendContract {
    static final BackendContext CONTEXT = new BackendContext("test", Clock.systemUTC());

    @TempDir
    private static Path folder;

    private static @Nullable RedisProcess started;
    private long capacity;

    @BeforeAll
    static void start() {
        started = RedisProcess.start(folder);
    }

    @AfterAll
    static void stop() {
        if (started != null) {
            started.close();
        }
    }

    @BeforeEach
    void empty() {
        server().command("FLUSHALL");
    }

    private static RedisProcess server() {
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
        return new RedisBackendProvider()
                .create(
                        BackendSettings.of(
                                "redis",
                                Map.of(
                                        "remote_url",
                                        server().url(),
                                        "max_size",
                                        capacity + " B",
                                        "staging_size",
                                        "16 MiB")),
                        CONTEXT);
    }

    @Override
    protected Optional<AutoCloseable> stallStorage() {
        server().stall();
        return Optional.of(server()::goOn);
    }
}
