"""What was collected, as one page for people who would rather look than read.

Which file answers which question: `figures` what is told (plain data, filled by `store/report`),
`periods` the days, weeks, months or years of a time axis, `svg` how a chart is written, `charts`
the kinds of charts, `views` and `blocks` what each part of the page shows, `page` the whole page.

The page is one file without scripts that asks for nothing: its Content-Security-Policy forbids it.
Whatever comes from the site's pages passes the escaping of Jinja2 and MarkupSafe.
"""
