"""English vocabulary of the stand-in site. Organisations, persons and events are invented."""

from demo_site.words import Words

ENGLISH = Words(
    titles=(
        "{Place} opens second {facility} for {thing}",
        "{Place} and {place2} agree on {thing}",
        "{Org} presents plan for {thing}",
        "{Org} promises {number} million manats for {thing}",
        "How {place} prepares for {thing}",
        "{Person}: {place} is ready for {thing}",
        "{Thing}: {number} people take part in {place}",
        "Why {org} will not wait for {thing}",
        "New {facility} in {place} welcomes {number} visitors",
        "{Place2} sends {number} experts to {place}",
        "{Org} reports growth of {percent} per cent",
        "{Place} residents ask about {thing}",
        "{Person} talks about {thing} and life in {place}",
        '"We were early": {org} on {thing}',
        "What changes after {thing} in {place}",
        "{Org} moves its {facility} to {place}",
        "{Place}'s {facility} closes for {number} days",
        "Rain & wind delay {thing} near {place}",
        "{Thing} - a long road from {place} to {place2}",
        "Survey: {percent} per cent in {place} support {thing}",
    ),
    recurring=("Oil price falls", "Weather for tomorrow", "Manat rate announced"),
    tags=("VIDEO", "PHOTO", "UPDATED"),
    sentences=(
        (
            "{Org} [said|announced|confirmed|let it be known] on {weekday} that {thing} "
            "[would cost|is to cost|comes at] {number} million manats."
        ),
        (
            "The [first|opening|second|last] [part|stage|section] of the work in {place} "
            "[took|lasted|needed] {number} days, {percent} fewer than [planned|feared|agreed]."
        ),
        (
            "{Person}, who [leads|heads|advises] the [team|group|committee], "
            "[expects|wants|hopes for] the {facility} to open [before|by the end of|early in] "
            "{month}."
        ),
        (
            "[Around|Almost|More than|Fewer than] {number} [people|visitors|guests|families] "
            "[came to|gathered at|walked round] the {facility} in {place} on {weekday}."
        ),
        (
            "A [similar|smaller|larger|cheaper] {facility} has been [running|in use|under repair] "
            "in {place2} for [more than|nearly|some] {percent} years."
        ),
        (
            "[According to|As counted by|In a letter from] {org}, {percent} per cent of the "
            "[budget|money|staff] [goes to|is set aside for|serves] {thing}."
        ),
        (
            "[Engineers|Surveyors|Students|Teachers] from {place} and {place2} "
            "[checked|compared|corrected] {number} [details|pages|copies] of the "
            "[drawings|maps|minutes]."
        ),
        (
            "[Nobody|Hardly anyone|No expert] [expected|had foreseen|believed] {thing} to "
            "[draw so much attention|become so popular|cause such debate] in {month}."
        ),
        (
            "The [talks|hearings|tests] [lasted|went on for|were cut to] {percent} hours and "
            "[ended|were adjourned|broke off] [late on|early on] {weekday} [evening|morning] in "
            "{place2}."
        ),
        (
            "{Org} [will publish|is going to print|keeps back|has to show] the "
            "[full|shorter|corrected] list of {number} [addresses|names|suppliers] after the "
            "[review|holidays|vote]."
        ),
        (
            "[Last|This|Every] {month}, {person} [handed over|read out|signed|turned down] a "
            "[report|draft|petition] of {number} pages about {thing}."
        ),
        (
            "[Residents|Shopkeepers|Parents|Fishermen] of {place} had "
            "[asked for|objected to|voted on] {thing} in {number} [letters|calls|meetings]."
        ),
        (
            "The [road|railway|pipeline] between {place} and {place2} "
            "[stays open|reopens|is under guard], but {number} [lorries|wagons|crews] must "
            "[wait|turn back|take a detour]."
        ),
        (
            "[Prices|Rents|Fares|Fees] in {place} [rose|fell|changed] by {percent} per cent, while "
            "[wages|pensions|taxes] [grew more slowly|stood still|followed in part]."
        ),
        (
            "The {facility} [will need|is looking for|has hired] {number} "
            "[workers|guides|apprentices], [most|half|few] of them from {place}."
        ),
        (
            "[In the words of|To quote|If one asks] {person}, {thing} "
            "[has become easier to understand|is a matter of patience|was never in danger]."
        ),
        (
            "[Two|Three|Several] [schools|clubs|villages] near {place} join in, and {number} "
            "[pupils|members|children] will [visit|paint|measure] the {facility}."
        ),
        (
            "{Org} had [put the matter off|kept silent|sought partners] since {month} because of "
            "the [costs|weather|court case]."
        ),
        (
            "[Observers|Auditors|Volunteers] from {place2} counted {number} "
            "[votes|crates|signatures] and "
            "[found no mistakes|asked for another count|left without a word]."
        ),
        (
            "[Critics|Neighbours|Scholars] such as {person} [doubt|deny|fear] that {number} metres "
            "of [pipe|fence|cable] are enough for {place}."
        ),
        (
            "A [ferry|bus|train|convoy] with {number} [passengers|cases of medicine|tourists] "
            "reached {place2} on {weekday} despite the [wind|snow|strike]."
        ),
        (
            "[Half|A third|Most] of the [rooms|seats|workshops] are ready; the other {percent} "
            "[follow|open|are due] in {month}."
        ),
        (
            "For the [first|second] time {org} [showed|explained|admitted] how {thing} is "
            "[paid for|run|insured]."
        ),
        (
            "The [jury|panel|board], [chaired|advised] by {person}, [looked at|rejected|praised] "
            "{number} [entries|designs|offers] from {place2}."
        ),
        (
            "Those who [live near|work in|drive past] the {facility} will [pay|save|receive] "
            "{percent} manats [less|more] a year."
        ),
        (
            "{Place} has [prepared|rented|reserved] {number} [seats|beds|tents] and a separate "
            "[entrance|kitchen|car park] for [guests|crews|delegates] from {place2}."
        ),
        (
            "It is [still open|not yet clear|a matter of dispute] who will "
            "[look after|pay for|inherit] {thing} once {org} [leaves|runs out of funds|moves]."
        ),
        (
            "On {weekday} the {facility} was closed for {percent} hours while "
            "[cables|windows|locks|pumps] were [replaced|tested|cleaned]."
        ),
        (
            "Work [starts again|comes to an end|is to pause] in {month}, when the river near "
            "{place} is [low|frozen|full of boats]."
        ),
        (
            "A [map|model|photograph] of all {number} [stops|bridges|wells] "
            "[hangs at|was stolen from|decorates] the entrance of the {facility} in {place}."
        ),
        (
            "[Insurers|Bankers|Merchants] in {place2} [put|see|estimate] the [loss|gain|risk] at "
            "{number} million manats, [twice|half] the figure of {month}."
        ),
        (
            "{Person} [left|joined|criticised] {org} [over|because of|shortly before] {thing} and "
            "[now teaches|plans to settle|opens a bakery] in {place2}."
        ),
        (
            "[Heavy|Light|Unusual] [rain|fog|heat] [slowed|spoiled|speeded up] "
            "[deliveries|harvests|rehearsals] round {place}, where {number} "
            "[houses|orchards|boats] stood empty."
        ),
        (
            "[Archives|Old letters|Church books] [show|suggest|hide] that the {facility} of "
            "{place2} was [built|burnt down|sold] {percent} years ago."
        ),
        (
            "[Children|Pensioners|Musicians] get in [free|at half price] on {weekday}; everyone "
            "else [buys|borrows|prints] a ticket for {percent} manats."
        ),
        (
            "[Three|Four|Five] [lawyers|doctors|architects] from {place2} "
            "[examine|question|defend] the [contract|verdict|design] that {person} "
            "[signed|drafted] in {month}."
        ),
        (
            "[If|Once] {org} [agrees|loses interest|finds a sponsor], {thing} "
            "[moves|returns|spreads] to {place} within {number} days."
        ),
        (
            "[Bread|Milk|Diesel|Cement] was [short|cheap|rationed] in {place} on {weekday}, {org} "
            "[reported|complained|noted]."
        ),
        (
            "[Satellite images|Tickets sold|Phone records] [point to|speak against|confirm] a "
            "[crowd|queue|gathering] of {number} near the {facility}."
        ),
        (
            "[Quietly|After a pause|To general surprise], {person} [withdrew|repeated|signed] the "
            "[complaint|offer|promise] about {thing}."
        ),
        (
            "The [mayor|governor|harbour master] of {place2} [thanked|scolded|visited] {number} "
            "[firefighters|nurses|drivers] in person."
        ),
        (
            "[Experts|Guests|Bidders] [praised|mocked|tasted|weighed] {number} kinds of "
            "[cheese|tea|marble|wool] at the {facility}."
        ),
        (
            "[Spare parts|Timber|Textbooks] worth {number} thousand manats "
            "[arrived|went missing|were auctioned] between {weekday} and [noon|dawn|nightfall]."
        ),
        (
            "[Under|Against|Despite] the [new|old|amended] rules, {org} may [fine|license|inspect] "
            "{percent} [shops|ships|farms] a day."
        ),
        (
            "[Volcanic soil|A sunken barge|Rare birds] [delayed|enriched|inspired] {thing}, "
            "[diggers|divers|poets] from {place} [said|joked|wrote]."
        ),
        (
            "[Cameras|Microphones|Lanterns] will [watch|record|light] the {facility} until "
            "{month}, [much to|not to] the [delight|regret] of {person}."
        ),
        (
            "[Once|Unless] the [loan|permit|audit] is [granted|refused|published], {number} "
            "[jobs|plots|berths] in {place2} [are safe|change hands|vanish]."
        ),
        (
            "[Twins|Rivals|Cousins] from {place} [founded|bankrupted|repainted] the {facility} "
            "with {number} manats and [a loan|a prayer|one ladder]."
        ),
        (
            "[Nothing|Little|Enough] [is known|was said|has been written] about the "
            "[price|route|author], [remarked|sighed|insisted] {person}."
        ),
        (
            "[Donors|Investors|Readers] [sent|withheld|pledged] {number} [books|shares|blankets], "
            "[enough|too few] for {thing} in {place2}."
        ),
    ),
    quotes=(
        '"We counted {number} boxes twice and the number was right," said {person}.',
        '"{Thing} will not be finished in a day," {person} told reporters in {place}.',
        '"If {place} can do it, {place2} can do it too," {person} said on {weekday}.',
        '"There are {number} reasons to stay calm," noted {person}.',
    ),
    headings=(
        "What comes next",
        "Costs & dates",
        "How it began in {place}",
        "The view from {place2}",
    ),
    one_liners=(
        "Watch the recording from {place} made on {weekday}.",
        "{Person} shows the {facility} in {place2}.",
        "More than {number} people saw it in {place}.",
    ),
    captions=("The {facility} in {place}", "{Person} in {place2}", "A street in {place}, {month}"),
    link_sentence="{Org} had already written about it in {month}; see ",
    table_rows=("{Place}|{number}|{percent} %", "{Place2}|{number}|{percent} %"),
    pools={
        "place": (
            "Baku",
            "Ganja",
            "Sheki",
            "Lankaran",
            "Quba",
            "Sumgayit",
            "Shusha",
            "Mingachevir",
        ),
        "place2": ("Tbilisi", "Aktau", "Ankara", "Tashkent", "Batumi", "Astana", "Izmir", "Warsaw"),
        "org": (
            "the Lowland Water Agency",
            "the Harbour Office",
            "the Union of Gardeners",
            "the Night Train Company",
            "the Council of Small Towns",
            "the Caspian Kite Society",
            "the House of Maps",
            "the Bureau of Bridges",
            "the Salt Lake Institute",
            "the Library Fund",
            "the Pomegranate Guild",
            "the Public Clock Service",
        ),
        "facility": (
            "terminal",
            "library",
            "station",
            "greenhouse",
            "workshop",
            "museum",
            "laboratory",
            "market hall",
            "ferry pier",
            "swimming pool",
            "observatory",
            "training centre",
        ),
        "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        "month": (
            "January",
            "March",
            "April",
            "June",
            "August",
            "September",
            "October",
            "December",
        ),
    },
    things=(
        ("the border treaty", "the new voting law", "the town charter", "the round table"),
        ("the grain corridor", "the northern ferry line", "the summit of ports", "the aid convoy"),
        ("the cotton exchange", "the harbour loan", "the wind farm", "the dry dock"),
        ("the school bus network", "the clinic on wheels", "the flood shelter", "the tram line"),
        ("the carpet festival", "the mugham archive", "the puppet theatre", "the film week"),
        ("the cycling tour", "the chess cup", "the rowing final", "the mountain marathon"),
        ("the weather satellite", "the chip workshop", "the tunnel robot", "the fibre cable"),
        (
            "the price of patience",
            "the lesson of the canal",
            "the art of small steps",
            "the next move",
        ),
    ),
    first_names=(
        "Leyla",
        "Tural",
        "Nigar",
        "Elvin",
        "Sabina",
        "Rashad",
        "Aysel",
        "Kamran",
        "Gunel",
        "Orkhan",
        "Marta",
        "Henrik",
        "Ines",
        "Tomas",
        "Clara",
        "Viktor",
    ),
    surnames=(
        "Almazli",
        "Daghbeyli",
        "Gulvardi",
        "Narimaan",
        "Sarvanli",
        "Toghluca",
        "Yelkanli",
        "Zeytunlu",
        "Brookhart",
        "Ashwell",
        "Lindqvar",
        "Morvane",
        "Pellegran",
        "Quillmar",
        "Stoneferry",
        "Wexbourne",
    ),
    byline="By {}",
    joiner=" and ",
)
