package io.lmcache.core.config;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** Everything that is wrong with a configuration, so that all of it can be reported at once. */
final class Findings {
    private static final Pattern LINE_ENDS = Pattern.compile("\\R+");

    private final List<String> problems = new ArrayList<>();
    private final List<String> warnings = new ArrayList<>();
    private final List<Given> honoured = new ArrayList<>();
    private final List<Given> renamed = new ArrayList<>();
    private final List<Given> unused = new ArrayList<>();

    /** Notes what makes the configuration unusable. */
    void problem(String sentence) {
        problems.add(oneLine(sentence));
    }

    /** Notes what probably does not do what its author wanted. */
    void warning(String sentence) {
        warnings.add(oneLine(sentence));
    }

    /** Notes a setting, which may be LMCache's too, that has its effect. */
    void honoured(Given given) {
        if (LmcacheNames.isHonoured(given.name())) {
            honoured.add(given);
        }
    }

    /** Notes a setting of LMCache's that has its effect under another name. */
    void renamed(Given given, String nameHere) {
        renamed.add(new Given(given.name() + ", here " + nameHere, given.value(), given.origin()));
    }

    /** Notes a setting of LMCache's that this library has no use for. */
    void unused(Given given) {
        unused.add(given);
    }

    /** All warnings; one of them tells what becomes of LMCache's settings, if not all of them simply work. */
    List<String> warnings() {
        List<String> all = new ArrayList<>(warnings);
        if (!renamed.isEmpty() || !unused.isEmpty()) {
            List<String> parts = new ArrayList<>();
            addPart("honoured: ", honoured, parts);
            addPart("by another name: ", renamed, parts);
            addPart("of no use here: ", unused, parts);
            all.add("LMCache's settings, " + String.join("; ", parts));
        }
        return all;
    }

    private static void addPart(String title, List<Given> settings, List<String> parts) {
        Map<ConfigOrigin, List<String>> names = new LinkedHashMap<>();
        settings.forEach(given ->
                names.computeIfAbsent(given.origin(), _ -> new ArrayList<>()).add(given.name()));
        List<String> groups = new ArrayList<>();
        names.forEach((origin, ofOrigin) -> groups.add(String.join(", ", ofOrigin) + " (" + origin + ")"));
        if (!groups.isEmpty()) {
            parts.add(title + String.join(", ", groups));
        }
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
