package io.lmcache.backend.gds.diagnosis;

import io.lmcache.api.spi.Finding;
import io.lmcache.backend.gds.cufile.CufileProperties;
import io.lmcache.cuda.CudaAvailability;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * NVIDIA's kernel modules: the driver, and the two ways by which drives reach GPU memory. Immutable and thread-safe.
 *
 * @param machine where they run
 */
public record DriverCheck(Machine machine) {
    private static final String DRIVER_VERSION = "/proc/driver/nvidia/version";
    private static final String NVIDIA_FS_VERSION = "/proc/driver/nvidia-fs/version";
    private static final Pattern NUMBER = Pattern.compile("\\d+\\.\\d+(?:\\.\\d+)*");

    private static final String NVIDIA_FS_REMEDY = "for direct I/O load the module nvidia-fs (package nvidia-fs), and"
            + " in a container pass its devices /dev/nvidia-fs*";
    private static final String PEER_TO_PEER_REMEDY =
            "for direct I/O on NVMe use a kernel of 6.2 or later with NVIDIA's open driver of 565 or later";

    /** What to do where neither of the two ways is there. */
    public static final String DIRECT_REMEDY = NVIDIA_FS_REMEDY + "; or without it, " + PEER_TO_PEER_REMEDY;

    /** The driver, which is there. */
    public Finding driver(CudaAvailability.Available cuda) {
        String text = "CUDA %d.%d, %s, kernel %s; this process sees %d device(s)"
                .formatted(
                        cuda.driverVersion() / 1000,
                        cuda.driverVersion() % 1000 / 10,
                        driverVersion(),
                        machine.kernel(),
                        cuda.devices());
        return cuda.devices() > 0
                ? Finding.ok("driver", text)
                : Finding.problem("driver", text, "pass a GPU into the container, or check CUDA_VISIBLE_DEVICES");
    }

    private String driverVersion() {
        return machine.text(DRIVER_VERSION)
                .map(text -> "driver " + number(text) + (text.contains("Open Kernel Module") ? ", open modules" : ""))
                .orElse("driver of unknown version");
    }

    private static String number(String text) {
        Matcher number = NUMBER.matcher(text);
        return number.find() ? number.group() : "of unknown version";
    }

    /** The module by which drives and network file systems reach GPU memory. */
    public Finding nvidiaFs(CufileProperties properties) {
        Optional<String> version = machine.text(NVIDIA_FS_VERSION);
        if (version.isPresent() && properties.nvidiaFsMajor() > 0) {
            return Finding.ok("nvidia-fs", "loaded, version " + number(version.get()) + ", and libcufile uses it");
        }
        return version.isPresent()
                ? Finding.note(
                        "nvidia-fs",
                        "loaded, version " + number(version.get()) + ", but libcufile does not reach it",
                        "in a container pass the devices /dev/nvidia-fs*; else see cufile.log")
                : Finding.note("nvidia-fs", "not loaded", NVIDIA_FS_REMEDY);
    }

    /** The way without that module, for NVMe drives. */
    public Finding peerToPeer(CufileProperties properties) {
        return properties.peerToPeer()
                ? Finding.ok("peer-to-peer", "libcufile can use PCI peer-to-peer DMA on NVMe")
                : Finding.note("peer-to-peer", "libcufile finds no PCI peer-to-peer DMA", PEER_TO_PEER_REMEDY);
    }
}
