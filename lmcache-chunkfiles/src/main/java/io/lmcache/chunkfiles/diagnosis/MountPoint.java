package io.lmcache.chunkfiles.diagnosis;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Where a file system is mounted, and how. Immutable and thread-safe.
 *
 * @param directory where it is mounted
 * @param device major and minor number of its device, such as {@code 259:1}
 * @param type its type, such as {@code ext4}
 * @param source what is mounted, such as {@code /dev/nvme0n1p1}
 * @param options the options of the mount and of the file system, comma separated
 */
public record MountPoint(Path directory, String device, String type, String source, String options) {
    /** The mounts of this process. */
    public static final Path MOUNT_TABLE = Path.of("/proc/self/mountinfo");

    /** id, parent, device, root, directory, options, optional fields, "-", type, source, options of the file system. */
    private static final Pattern LINE =
            Pattern.compile("\\d+ \\d+ (\\d+:\\d+) \\S+ (\\S+) (\\S+) .*?- (\\S+) (\\S+)(?: (\\S+))?");

    /** How the table writes a blank, a tab, a line feed and a backslash. */
    private static final Pattern ESCAPE = Pattern.compile("\\\\([0-7]{3})");

    /**
     * The mount that a directory, which is there, lies on; empty when the table does not tell.
     *
     * @param table such as {@link #MOUNT_TABLE}
     */
    public static Optional<MountPoint> under(Path directory, Path table) throws IOException {
        Path real = directory.toRealPath();
        // The deepest wins, and of several on one directory the last, which hides the others.
        return Files.readAllLines(table, StandardCharsets.UTF_8).stream()
                .map(LINE::matcher)
                .filter(Matcher::matches)
                .map(MountPoint::of)
                .filter(mount -> real.startsWith(mount.directory()))
                .reduce((best, mount) ->
                        mount.directory().getNameCount() >= best.directory().getNameCount() ? mount : best);
    }

    private static MountPoint of(Matcher line) {
        return new MountPoint(
                Path.of(unescaped(line.group(2))),
                line.group(1),
                line.group(4),
                unescaped(line.group(5)),
                union(line.group(3), line.group(6)));
    }

    private static String unescaped(String field) {
        return ESCAPE.matcher(field)
                .replaceAll(
                        escape -> Matcher.quoteReplacement(Character.toString(Integer.parseInt(escape.group(1), 8))));
    }

    private static String union(String ofMount, @Nullable String ofFileSystem) {
        String all = ofFileSystem == null ? ofMount : ofMount + "," + ofFileSystem;
        return Arrays.stream(all.split(",", -1)).distinct().collect(Collectors.joining(","));
    }

    /** Whether the device is a block device: file systems without one, such as tmpfs and NFS, have a major number of 0. */
    public boolean isOnBlockDevice() {
        return !device.startsWith("0:");
    }

    /** Such as {@code ext4 on /dev/nvme0n1p1, mounted at /data (rw,relatime)}. */
    public String describe() {
        return type + " on " + source + ", mounted at " + directory + " (" + options + ")";
    }
}
