package io.lmcache.backend.gds.diagnosis;

import io.lmcache.api.spi.Finding;
import io.lmcache.chunkfiles.diagnosis.Amounts;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How much of a GPU's memory other devices can reach: the window on the PCI bus that NVIDIA calls BAR1. What drives move
 * directly goes through it. Immutable and thread-safe.
 *
 * @param machine where the GPU is
 * @param pciAddress its place on the bus
 * @param bufferBytes the memory that drives are to reach
 */
public record BarCheck(Machine machine, String pciAddress, long bufferBytes) {
    private static final String TOPIC = "BAR1";

    /** Begin, end and flags of a window; the second line is that of BAR1. */
    private static final Pattern WINDOW = Pattern.compile("0x([0-9a-f]{1,16}) 0x([0-9a-f]{1,16}) 0x[0-9a-f]+");

    private static final int BAR1 = 1;

    /** Whether the buffer fits into the window. */
    public Finding finding() {
        Optional<Long> size =
                machine.text("/sys/bus/pci/devices/" + pciAddress + "/resource").flatMap(BarCheck::sizeIn);
        if (size.isEmpty()) {
            return Finding.ok(TOPIC, "its size is unknown: the kernel does not tell of " + pciAddress);
        }
        String text = Amounts.bytes(size.get()) + " of the GPU's memory can be reached by other devices";
        return size.get() >= bufferBytes
                ? Finding.ok(TOPIC, text)
                : Finding.note(
                        TOPIC,
                        text + ", less than cufile_buffer_size: direct I/O does not fit",
                        "turn Resizable BAR on in the firmware, or lower cufile_buffer_size");
    }

    private static Optional<Long> sizeIn(String resource) {
        List<String> lines = resource.lines().toList();
        return lines.size() <= BAR1
                ? Optional.empty()
                : Optional.of(WINDOW.matcher(lines.get(BAR1).strip()))
                        .filter(Matcher::matches)
                        .map(BarCheck::size)
                        .filter(bytes -> bytes > 0);
    }

    private static long size(Matcher window) {
        long begin = Long.parseUnsignedLong(window.group(1), 16);
        long end = Long.parseUnsignedLong(window.group(2), 16);
        return end == 0 ? 0 : end - begin + 1;
    }
}
