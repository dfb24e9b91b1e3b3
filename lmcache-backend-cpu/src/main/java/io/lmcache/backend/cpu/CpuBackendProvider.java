package io.lmcache.backend.cpu;

import com.sun.management.OperatingSystemMXBean;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.OffsetAllocator;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the tier in host memory. Its settings are {@code capacity_bytes} and {@code cache_policy} (lru, lfu, fifo, mru;
 * lru by default).
 *
 * <p>Stateless and thread-safe.
 */
public final class CpuBackendProvider implements StorageBackendProvider {
    static final String NAME = "cpu";

    private static final Logger LOG = LoggerFactory.getLogger(CpuBackendProvider.class);

    /** For {@link java.util.ServiceLoader}. */
    public CpuBackendProvider() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public StorageBackend create(BackendSettings settings, BackendContext context) {
        long capacity = capacity(settings);
        EvictionPolicy policy = settings.choice("cache_policy", EvictionPolicy.LRU);
        StorageBackend backend = new CpuBackend(capacity, policy);
        LOG.info("{}: host tier of {} bytes, cache policy {}", context.instanceId(), capacity, policy);
        return backend;
    }

    @Override
    public List<Finding> diagnose(BackendSettings settings, BackendContext context) {
        long free = operatingSystem().getFreeMemorySize();
        return new CpuDiagnosis(capacity(settings), machineMemory(), free, CpuDiagnosis.HUGE_PAGES).findings();
    }

    private static long capacity(BackendSettings settings) {
        String asked = settings.requiredText("capacity_bytes");
        long capacity = settings.number("capacity_bytes", 0, Long.MIN_VALUE, Long.MAX_VALUE);
        if (capacity < OffsetAllocator.ALIGNMENT) {
            throw new LmcacheException(
                    ErrorCode.INVALID_CONFIGURATION,
                    "The host tier is asked to have " + asked
                            + " bytes, at least 4096 are needed; raise max_local_cpu_size, or set local_cpu to false");
        }
        long machine = machineMemory();
        if (capacity > machine) {
            throw new LmcacheException(
                    ErrorCode.INVALID_CONFIGURATION,
                    "The host tier is asked to have " + asked + " bytes, but this machine or container has " + machine
                            + "; lower max_local_cpu_size");
        }
        return capacity;
    }

    /** In a container its limit, not the memory of the host. */
    private static long machineMemory() {
        return operatingSystem().getTotalMemorySize();
    }

    private static OperatingSystemMXBean operatingSystem() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    }
}
