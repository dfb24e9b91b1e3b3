package io.lmcache.core.config;

import io.lmcache.api.option.Option;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.commons.text.similarity.LevenshteinDistance;

/** The names that mean something beside those of options, and the known name nearest to an unknown one. */
final class KnownNames {
    /** What LMCache reads from the environment only. */
    static final String USE_EXPERIMENTAL = "use_experimental";

    /** Those of the file tier are known where that is not on the class path, too. */
    private static final Set<String> WITHOUT_EFFECT = Set.of(
            "cufile_buffer_size",
            "gds_buffer_size",
            "gds_io_threads",
            "gds_path_sharding",
            "use_direct_io",
            "audit_actual_remote_url",
            "controller_url",
            "distributed_url",
            "enable_blending",
            "enable_controller",
            "enable_nixl",
            "enable_p2p",
            "error_handling",
            "lmcache_worker_port",
            "local_disk",
            "lookup_url",
            "max_local_disk_size",
            "save_decode_cache",
            "weka_path");

    private static final List<String> PREFIXES_WITHOUT_EFFECT = List.of("blend_", "nixl_");

    /** One slip in a short name, up to three in a long one; more is another word. */
    private static final int CHARACTERS_PER_SLIP = 4;

    private static final int MAX_SLIPS = 3;

    private KnownNames() {}

    /** Whether LMCache knows the name and this library has no use for it. */
    static boolean isWithoutEffect(String name) {
        String plain = withoutExtraPrefix(name);
        return WITHOUT_EFFECT.contains(plain)
                || PREFIXES_WITHOUT_EFFECT.stream().anyMatch(plain::startsWith);
    }

    /** The name at the top level that was probably meant; empty when none is near. */
    static Optional<String> nearest(String unknown, OptionTable options, Set<String> plugins) {
        Stream<String> known = Stream.of(
                        options.all().stream()
                                .flatMap(OptionTable::names)
                                .filter(name -> !name.startsWith(Given.EXTRA_PREFIX)),
                        WITHOUT_EFFECT.stream(),
                        plugins.stream())
                .flatMap(Function.identity());
        return nearest(withoutExtraPrefix(unknown), known);
    }

    /** The option of a backend that was probably meant; empty when none is near. */
    static Optional<Option<?>> nearest(String unknown, List<Option<?>> ofBackend) {
        return nearest(unknown, ofBackend.stream().flatMap(option -> option.ownNames().stream()))
                .flatMap(near -> ofBackend.stream()
                        .filter(option -> option.ownNames().contains(near))
                        .findFirst());
    }

    /** The known name that was probably meant; empty when none is near. */
    static Optional<String> nearest(String unknown, Stream<String> known) {
        String wanted = unknown.toLowerCase(Locale.ROOT);
        int slips = Math.clamp(wanted.length() / CHARACTERS_PER_SLIP, 1, MAX_SLIPS);
        LevenshteinDistance distance = new LevenshteinDistance(slips);
        return known.filter(name -> distance.apply(wanted, name) >= 0)
                .min(Comparator.comparingInt((String name) -> distance.apply(wanted, name))
                        .thenComparing(Comparator.naturalOrder()));
    }

    private static String withoutExtraPrefix(String name) {
        return name.startsWith(Given.EXTRA_PREFIX) ? name.substring(Given.EXTRA_PREFIX.length()) : name;
    }
}
