import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.xml.sax.SAXException;

/**
 * Sums the reports of Surefire, Failsafe and pytest below the current folder, names the skipped tests, and fails unless
 * tests ran and none failed.
 *
 * <p>Argument: when the build began, in seconds since the epoch; older reports belong to another run.
 */
final class CountTests {
    private static final String REPORTS = "glob:{,*/,connectors/*/}target/{surefire,failsafe}-reports/TEST-*.xml";

    static void main(String[] args) throws IOException, ParserConfigurationException {
        DocumentBuilder parser = DocumentBuilderFactory.newDefaultInstance().newDocumentBuilder();
        parser.setErrorHandler(null);
        int tests = 0;
        int failed = 0;
        int skipped = 0;
        for (Path report : reports(Instant.ofEpochSecond(Long.parseLong(args[0])))) {
            Element suite;
            try {
                suite = suite(parser.parse(report.toFile()).getDocumentElement());
            } catch (SAXException e) {
                // What a test run that died in the middle leaves behind.
                System.out.println("unreadable: " + report + ": " + e.getMessage());
                tests++;
                failed++;
                continue;
            }
            tests += count(suite, "tests");
            failed += count(suite, "failures") + count(suite, "errors");
            skipped += count(suite, "skipped");
            elements(suite, "skipped").map(CountTests::reason).forEach(System.out::println);
        }
        int passed = tests - failed - skipped;
        boolean good = passed > 0 && failed == 0;
        if (passed + failed == 0) {
            System.out.println("no test ran");
        }
        System.out.println("tests: %d passed, %d failed, %d skipped".formatted(passed, failed, skipped));
        System.exit(good ? 0 : 1);
    }

    private static List<Path> reports(Instant since) throws IOException {
        var matcher = FileSystems.getDefault().getPathMatcher(REPORTS);
        try (Stream<Path> paths = Files.find(
                Path.of(""),
                5,
                (path, file) -> matcher.matches(path)
                        && !file.lastModifiedTime().toInstant().isBefore(since))) {
            return paths.sorted().toList();
        }
    }

    /** The suite itself; pytest has an element around it. */
    private static Element suite(Element root) {
        return root.getTagName().equals("testsuites") ? (Element) root.getElementsByTagName("testsuite").item(0) : root;
    }

    private static int count(Element suite, String attribute) {
        String value = suite.getAttribute(attribute);
        return value.isEmpty() ? 0 : Integer.parseInt(value);
    }

    private static Stream<Element> elements(Element suite, String name) {
        var nodes = suite.getElementsByTagName(name);
        return IntStream.range(0, nodes.getLength()).mapToObj(nodes::item).map(Element.class::cast);
    }

    private static String reason(Element skip) {
        Element test = (Element) skip.getParentNode();
        // A failed assumption has no message but its stack trace, whose first line is the reason.
        String message = Stream.of(skip.getAttribute("message"), skip.getTextContent())
                .flatMap(String::lines)
                .filter(line -> !line.isBlank())
                .findFirst()
                .orElse("no reason given");
        return "skipped: %s.%s: %s"
                .formatted(
                        test.getAttribute("classname"),
                        test.getAttribute("name"),
                        message.strip());
    }

    private CountTests() {}
}
