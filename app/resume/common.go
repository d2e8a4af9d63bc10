package resume

import (
	"slices"
	"strings"
)

// common tells words and titles that recognition knows without our help.
func common(s string) bool {
	for _, w := range strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ' ' || r == '-' || r == '/' }) {
		if _, ok := slices.BinarySearch(commonWords, strings.Trim(w, ".,")); !ok {
			return false
		}
	}
	return true
}

// commonWords are the words that résumés and job descriptions write large
// without their being names: beginnings of sentences, months, ranks, degrees.
var commonWords = func() []string {
	words := strings.Fields(`
	a about above across after again all also am an and any are around as at be been before being below between both but by can could
	did do does doing down during each either every few first for from further had has have he her here him his how i if in into is it
	its just last least less like made make many may me more most much must my near new next no nor not now of off on once one only or
	other our out over own per rather same she should since so some such than that the their them then there these they this those
	through to today together too two three four five six seven eight nine ten under until up upon us very via was we were what when
	where which while who whom why will with within without would you your yours please
	january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec
	monday tuesday wednesday thursday friday saturday sunday present current ongoing date year years month months week weeks day days
	januar februar märz mai juni juli oktober dezember heute janvier février mars avril juin juillet août septembre octobre novembre décembre
	enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
	senior junior lead principal staff head chief vice president director manager management engineer engineering developer development
	architect analyst consultant specialist coordinator administrator assistant associate intern trainee officer executive supervisor
	scientist researcher designer technician operator trainer teacher tutor mentor owner founder partner team teams member leader
	leadership freelance contractor software hardware backend frontend full stack web mobile data product project program programme
	operations business sales marketing finance financial legal customer client clients user users service services support
	company group department office university college school institute faculty academy degree diploma bachelor master masters doctor
	phd msc bsc ba ma mba beng meng bs ms class honours honors grade gpa thesis science arts computer
	achieved acted adapted added administered advised analysed analyzed applied approved arranged assembled assessed assisted attended
	audited authored automated awarded began boosted brought built calculated chaired championed changed checked coached co
	collaborated collected communicated completed conceived conducted configured consolidated contributed controlled converted
	coordinated created cut debugged decreased defined delivered demonstrated deployed designed developed devised directed documented
	doubled drafted drew drove earned edited eliminated enabled enforced engineered enhanced ensured established evaluated examined
	exceeded expanded explained extended facilitated forecast found founded gained gathered generated grew guided handled headed held
	helped hired identified implemented improved increased influenced initiated inspected installed instituted instructed integrated
	introduced invented investigated joined kept launched learned led lowered maintained managed mapped measured mentored merged
	migrated modernised modernized monitored motivated moved negotiated operated optimised optimized orchestrated organised organized
	oversaw owned participated performed piloted planned ported prepared presented prevented processed produced programmed promoted
	proposed proved provided published raised ran rebuilt received recommended reconciled recruited redesigned reduced refactored
	removed reorganised replaced reported represented researched resolved responsible restructured reviewed revised rolled saved scaled
	scheduled secured selected served set shaped shipped shortened simplified sold solved spearheaded started streamlined strengthened
	structured studied supervised supported surpassed taught tested took tracked trained transformed translated treats tripled unified
	updated upgraded used validated verified visited won worked wrote
	work working works role roles responsibilities requirements experience experienced skills knowledge understanding ability strong
	excellent good great deep hands proficient familiar fluent native basic advanced intermediate fluency certified certificate
	certification certifications summary profile objective education languages language interests references projects contact phone
	email address mobile website portfolio date birth nationality driving licence license nice bonus plus preferred required minimum
	looking join help build building design develop deliver write lead using including systems system platform platforms infrastructure
	application applications technology technologies process processes quality performance security testing test tests code review
	reviews design research practices discovery delivery analytics practice production high low large small fast best top key
	english german french spanish italian portuguese dutch polish native
	remote hybrid onsite full-time part-time permanent salary benefits equal opportunity employer
	rolle projekt ergebnis deutsch englisch muttersprache grundkenntnisse gmbh ag ltd inc llc plc
	langue langues maternelle courant anglais espagnol français notions mention conception réduction traitement développement
	kb mb gb tb wa jobs done interviews prototyping area network networks api apis`)
	slices.Sort(words)
	return slices.Compact(words)
}()
