package io.lmcache.backend.cpu;

import com.sun.management.OperatingSystemMXBean;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.OffsetAllocator;
import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes the tier in host memory. Stateless and thread-safe. */
public final class CpuBackendProvider implements StorageBackendProvider {
    static final String NAME = "cpu";

    private static final Option<ByteSize> MAX_LOCAL_CPU_SIZE = Option.of(
                    "max_local_cpu_size",
                    "5.0",
                    OptionType.gigabytes(0),
                    "The size of the tier in host memory; when nobody sets it, at most half of the machine's memory. A GB"
                            + " is 1024 MB here and in all sizes, as in LMCache.")
            .withDefaultHere(() -> usualSize(machineMemory()))
            .formerly("capacity_bytes", ByteSize::withUnit);

    private static final Option<EvictionPolicy> CACHE_POLICY = Option.of(
            "cache_policy",
            "lru",
            OptionType.choice(EvictionPolicy.class),
            "Which chunk the tier in host memory evicts first: the one used longest ago, used least often, stored first,"
                    + " or used last.");

    private static final Logger LOG = LoggerFactory.getLogger(CpuBackendProvider.class);

    /** For {@link java.util.ServiceLoader}. */
    public CpuBackendProvider() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<Option<?>> options() {
        return List.of(MAX_LOCAL_CPU_SIZE, CACHE_POLICY);
    }

    @Override
    public StorageBackend create(BackendSettings settings, BackendContext context) {
        ByteSize capacity = capacity(settings);
        EvictionPolicy policy = settings.value(CACHE_POLICY);
        StorageBackend backend = new CpuBackend(capacity.bytes(), policy);
        LOG.info("{}: host tier of {}, cache policy {}", context.instanceId(), capacity, CACHE_POLICY.print(policy));
        return backend;
    }

    @Override
    public List<Finding> diagnose(BackendSettings settings, BackendContext context) {
        long free = operatingSystem().getFreeMemorySize();
        return new CpuDiagnosis(capacity(settings).bytes(), machineMemory(), free, CpuDiagnosis.HUGE_PAGES).findings();
    }

    private static ByteSize capacity(BackendSettings settings) {
        ByteSize capacity = settings.value(MAX_LOCAL_CPU_SIZE);
        ByteSize machine = new ByteSize(machineMemory());
        if (capacity.bytes() < OffsetAllocator.ALIGNMENT) {
            throw invalid("max_local_cpu_size is " + capacity
                    + ", but the tier in host memory needs 4 KiB at least; raise it, or set local_cpu to false");
        }
        if (capacity.compareTo(machine) > 0) {
            throw invalid("max_local_cpu_size is " + capacity + ", but this machine or container has " + machine
                    + " of memory; lower it");
        }
        return capacity;
    }

    private static LmcacheException invalid(String sentence) {
        return new LmcacheException(ErrorCode.INVALID_CONFIGURATION, sentence);
    }

    /** Nobody asked for those 5 GB, so a small machine keeps half of its memory for others. */
    static ByteSize usualSize(long machineBytes) {
        return new ByteSize(Math.min(5 * ByteSize.GIB, machineBytes / 2));
    }

    /** In a container its limit, not the memory of the host. */
    private static long machineMemory() {
        return operatingSystem().getTotalMemorySize();
    }

    private static OperatingSystemMXBean operatingSystem() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    }
}
