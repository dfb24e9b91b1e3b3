package io.lmcache.backend.s3;

import io.lmcache.api.option.Option;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The provider of the backend {@code s3}: chunks in a bucket, shared by all who may use it. A server that is absent when the
 * backend starts is one that fails for the time being. Stateless and thread-safe.
 */
public final class S3BackendProvider implements StorageBackendProvider {
    static final String NAME = "s3";

    private static final Logger LOG = LoggerFactory.getLogger(S3BackendProvider.class);

    /** For {@link java.util.ServiceLoader}. */
    public S3BackendProvider() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<String> schemes() {
        return List.of(S3Address.SCHEME);
    }

    @Override
    public List<Option<?>> options() {
        return S3Settings.OPTIONS;
    }

    @Override
    public StorageBackend create(BackendSettings settings, BackendContext context) {
        S3Settings read = S3Settings.from(settings, System.getenv());
        Optional<Path> memory = OwnMemory.file();
        StorageBackend backend = new S3Backend(read, memory);
        LOG.info(
                "{}: tier in {} by {}, region {}, {}, payload {}",
                context.instanceId(),
                read.address(),
                read.endpoint(),
                read.region(),
                read.credentialsSource(),
                memory.isPresent() ? "straight to its memory" : "over the heap");
        return backend;
    }

    @Override
    public List<Finding> diagnose(BackendSettings settings, BackendContext context) {
        return settings.value(SharedOptions.REMOTE_URL).isEmpty()
                ? List.of()
                : new S3Diagnosis(S3Settings.from(settings, System.getenv()), OwnMemory.file()).findings();
    }
}
