package io.lmcache.cli.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.cli.report.Chart.Kind;
import io.lmcache.cli.report.Chart.Series;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

class PageWriterTest {
    private static final String EVIL = "</script><b>{{data}}&\"";

    @Test
    void aTextIsATextWhateverItSays() throws IOException {
        Chart chart =
                new Chart(EVIL, EVIL, EVIL, EVIL, List.of(EVIL), List.of(new Series(EVIL, Kind.LINE, List.of(1.0))));
        Table table = new Table(EVIL, List.of(EVIL), List.of(List.of(EVIL)));
        String html = PageWriter.html(new Page(EVIL, List.of(EVIL), List.of(chart), List.of(table), List.of(EVIL)));
        assertThat(html).doesNotContain(EVIL, "<b>");
        assertThat(html).contains("<td>&lt;/script&gt;&lt;b&gt;{{data}}&amp;&quot;</td>");
        // Data, uPlot and what draws.
        assertThat(html.split("</script>", -1)).hasSize(4);
    }

    @Test
    void aPageAsksForNothingFromElsewhereAndNamesTheLicence() throws IOException {
        String html = PageWriter.html(new Page("title", List.of(), List.of(), List.of(), List.of()));
        assertThat(html).doesNotContain(" src=", " href=", "@import", "url(").contains("Permission is hereby granted");
    }

    @Test
    void aSeriesHasAValueForEachPlace() {
        List<Series> series = List.of(new Series("one", Kind.LINE, List.of(1.0)));
        assertThatThrownBy(() -> new Chart("", "", "", "", List.of("a", "b"), series))
                .hasMessageContaining("1 values for 2 places");
    }
}
