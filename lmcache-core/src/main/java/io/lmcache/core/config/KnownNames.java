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

    /** One slip in a short name, up to three in a long one; more is another word. */
    private static final int CHARACTERS_PER_SLIP = 4;

    private static final int MAX_SLIPS = 3;

    private KnownNames() {}

    /** The name at the top level that was probably meant; empty when none is near. */
    static Optional<String> nearest(String unknown, OptionTable options, Set<String> plugins) {
        Stream<String> known = Stream.of(
                        options.all().stream()
                                .flatMap(OptionTable::names)
                                .filter(name -> !name.startsWith(Given.EXTRA_PREFIX)),
                        LmcacheNames.all().map(KnownNames::withoutExtraPrefix),
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
