package io.lmcache.core.config;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Everything that is wrong with a configuration, so that all of it can be reported at once. */
final class Findings {
    private static final Pattern LINE_ENDS = Pattern.compile("\\R+");

    private final List<String> problems = new ArrayList<>();
    private final List<String> warnings = new ArrayList<>();
    private final List<String> withoutEffect = new ArrayList<>();

    /** Notes what makes the configuration unusable. */
    void problem(String sentence) {
        problems.add(oneLine(sentence));
    }

    /** Notes what probably does not do what its author wanted. */
    void warning(String sentence) {
        warnings.add(oneLine(sentence));
    }

    /** Notes a setting that LMCache knows and this library has no use for. */
    void withoutEffect(String name, ConfigOrigin origin) {
        withoutEffect.add(name + " (" + origin + ")");
    }

    /** All warnings, the settings without effect in one of them. */
    List<String> warnings() {
        List<String> all = new ArrayList<>(warnings);
        if (!withoutEffect.isEmpty()) {
            all.add("Accepted because LMCache knows them, without effect here: " + String.join(", ", withoutEffect));
        }
        return all;
    }

    /** Throws when there are problems, with all of them in the message. */
    void throwProblems() {
        switch (problems.size()) {
            case 0 -> {}
            case 1 -> throw invalid("Invalid configuration: " + problems.getFirst());
            default ->
                throw invalid(
                        "Invalid configuration, " + problems.size() + " problems:\n  " + String.join("\n  ", problems));
        }
    }

    /** Values and the messages of parsers can have line ends of their own; a finding is a line. */
    private static String oneLine(String sentence) {
        return LINE_ENDS.matcher(sentence).replaceAll(" ");
    }

    private static LmcacheException invalid(String message) {
        return new LmcacheException(ErrorCode.INVALID_CONFIGURATION, message);
    }
}
