package io.lmcache.cuda.kernel;

import static io.lmcache.cuda.CudaException.check;

import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.CudaException;
import io.lmcache.cuda.CudaStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/**
 * The kernels, loaded onto a device. They ship as PTX, which the driver compiles for the device when they are loaded and
 * then keeps in its own cache.
 *
 * <p>Thread-safe. Close it after everything queued on its streams is done, and before the device.
 */
public final class CudaKernels implements AutoCloseable {
    private static final Map<String, List<String>> KERNELS_BY_FILE = Map.of(
            "kv-copy.ptx",
            List.of(
                    "kv_gather_16",
                    "kv_gather_8",
                    "kv_gather_4",
                    "kv_gather_2",
                    "kv_gather_1",
                    "kv_scatter_16",
                    "kv_scatter_8",
                    "kv_scatter_4",
                    "kv_scatter_2",
                    "kv_scatter_1"),
            "crc32c.ptx",
            List.of("crc32c"));

    private final CudaDevice device;
    private final List<CUmodule> modules = new ArrayList<>();
    private final Map<String, CUfunction> functions = new HashMap<>();
    private final AtomicBoolean closed = new AtomicBoolean();

    private CudaKernels(CudaDevice device) {
        this.device = device;
    }

    /** Loads the kernels. The caller owns them and closes them; the device stays the caller's. */
    public static CudaKernels load(CudaDevice device) throws IOException {
        CudaKernels kernels = new CudaKernels(device);
        try {
            for (Map.Entry<String, List<String>> file : KERNELS_BY_FILE.entrySet()) {
                String ptx = ptx(file.getKey());
                device.withContext(() -> kernels.load(file.getKey(), ptx, file.getValue()));
            }
        } catch (IOException e) {
            kernels.closeAfter(e);
            throw e;
        }
        return kernels;
    }

    private void load(String file, String ptx, List<String> names) throws CudaException {
        CUmodule module = new CUmodule();
        check("cuModuleLoadData of " + file, JCudaDriver.cuModuleLoadData(module, ptx));
        modules.add(module);
        for (String name : names) {
            CUfunction function = new CUfunction();
            check("cuModuleGetFunction of " + name, JCudaDriver.cuModuleGetFunction(function, module, name));
            functions.put(name, function);
        }
    }

    private static String ptx(String file) throws IOException {
        try (InputStream resource = CudaKernels.class.getResourceAsStream(file)) {
            if (resource == null) {
                throw new IOException(
                        "the resource " + file + " is not in the jar; build it with scripts/build-kernels");
            }
            return new String(resource.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private void closeAfter(IOException failure) {
        try {
            close();
        } catch (CudaException e) {
            failure.addSuppressed(e);
        }
    }

    /**
     * A stream of the device, for these kernels. The stream stays the caller's; it may be one of the engine's own.
     */
    public KernelStream on(CUstream stream) {
        return new CudaKernelStream(Collections.unmodifiableMap(functions), CudaStream.of(device, stream));
    }

    /** Unloads the kernels. Idempotent. */
    @Override
    public void close() throws CudaException {
        if (closed.compareAndSet(false, true)) {
            device.withContext(this::unload);
        }
    }

    private void unload() throws CudaException {
        for (CUmodule module : modules) {
            check("cuModuleUnload", JCudaDriver.cuModuleUnload(module));
        }
    }

    @Override
    public String toString() {
        return "CudaKernels[" + device + "]";
    }
}
